import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { parseName } from '../../../../src/migrations/files/parse.ts'
import { planRenumber, type RenumberFacts, type RenumberPlan } from '../../../../src/migrations/files/renumber.ts'
import { compareVersions } from '../../../../src/migrations/version.ts'

interface Given {
  readonly files: string
  /** Names of the rows, with their checksums after a colon. */
  readonly applied?: string
  /** Files of the base branch; those with a comma between came together. */
  readonly base?: string
  readonly chosen?: string
}

const words = (text: string): readonly string[] => text.split(' ').filter((word) => word !== '')

function factsOf({ files, applied, base, chosen }: Given): RenumberFacts {
  return {
    files: words(files).map((word) => {
      const [stem = '', checksum] = word.split(':')
      return { file: `${stem}.sql`, checksum }
    }),
    applied:
      applied === undefined
        ? undefined
        : words(applied).map((word) => {
            const [, version = '', name = '', checksum = 'x'] = /^(\d+)_([^:]*):?(.*)$/.exec(word) ?? []
            return { version, name, checksum }
          }),
    base:
      base === undefined
        ? undefined
        : new Map(words(base).flatMap((word, place) => word.split(',').map((stem) => [`${stem}.sql`, place] as const))),
    chosen: chosen === undefined ? undefined : words(chosen).map((stem) => `${stem}.sql`),
  }
}

function told({ moves, choices, problems }: RenumberPlan): readonly string[] {
  return [
    ...moves.map(({ from, to, because }) => `${from} -> ${to}: ${because}`),
    ...choices.map(({ version, files }) => `${version}? ${files.join(' ')}`),
    ...problems.map(({ message }) => message),
  ]
}

describe('planRenumber', () => {
  const cases: readonly (readonly [string, Given, readonly string[]])[] = [
    ['nothing wrong is nothing to do', { files: '1_a 002_b 10_c', applied: '1_a', base: '1_a' }, []],
    [
      'without anything that decides, the person is asked',
      { files: '004_a 004_b 4_c' },
      ['004? 004_a.sql 004_b.sql 4_c.sql'],
    ],
    [
      'what the person chose moves',
      { files: '004_a 004_b 005_c', chosen: '004_a' },
      ['004_a.sql -> 006_a.sql: number 004 is taken by 004_b.sql'],
    ],
    [
      'the applied one stays, known by its name',
      { files: '004_a 004_b', applied: '4_b' },
      ['004_a.sql -> 005_a.sql: number 004 is taken by 004_b.sql, which is applied'],
    ],
    [
      'the applied one stays, known by its text although its name is the other one’s',
      { files: '004_a:1 004_b:2', applied: '4_b:1' },
      ['004_b.sql -> 005_b.sql: number 004 is taken by 004_a.sql, which is applied'],
    ],
    [
      'the applied one stays even where the person chose it',
      { files: '004_a 004_b', applied: '4_a', chosen: '004_a' },
      ['004_b.sql -> 005_b.sql: number 004 is taken by 004_a.sql, which is applied'],
    ],
    [
      'what the base branch has never moves, although the other one is applied: that has to be taken back',
      { files: '001_a 002_f 002_m 003_g', applied: '1_a 2_f', base: '001_a 002_m' },
      [
        '002_f.sql has to move, because number 002 is taken by 002_m.sql, which the base branch has, but it is applied in this database.',
      ],
    ],
    [
      'unless the person says which one moves',
      { files: '001_a 002_f 002_m', applied: '1_a 2_f', base: '001_a 002_m', chosen: '002_m' },
      ['002_m.sql -> 003_m.sql: number 002 is taken by 002_f.sql, which is applied'],
    ],
    [
      'of two on the base branch the first stays, although the second is applied',
      { files: '004_a 004_b', base: '004_b 004_a', applied: '4_a' },
      [
        '004_a.sql has to move, because number 004 is taken by 004_b.sql, which came to the base branch first, but it is applied in this database.',
      ],
    ],
    [
      'a file of the base branch is not late because of what only this database has',
      { files: '001_a 002_m 003_f', applied: '1_a 3_f', base: '001_a 002_m' },
      [
        '002_m.sql is in the base branch and keeps its number for all who have it applied, but here the later "3 f" is applied already.',
      ],
    ],
    [
      'nor because of a row that came to the base branch after it',
      { files: '001_a 002_m 003_f', applied: '1_a 3_f', base: '001_a 002_m 003_f' },
      [
        '002_m.sql is in the base branch and keeps its number for all who have it applied, but here the later "3 f" is applied already.',
      ],
    ],
    [
      'but is where the branch itself got it late',
      { files: '001_a 002_m 003_f', applied: '1_a 3_f', base: '001_a 003_f 002_m' },
      ['002_m.sql -> 004_m.sql: the later "3 f" is applied already'],
    ],
    [
      'nor does it give way to a row of another branch',
      { files: '001_a 002_m:1', applied: '1_a 2_f:2', base: '001_a 002_m' },
      [
        '002_m.sql is in the base branch and keeps its number for all who have it applied, but here number 002 is taken by "2 f", which is applied.',
      ],
    ],
    [
      'a number that the database gave to a file of another branch is taken',
      { files: '004_a:1', applied: '4_other:2' },
      ['004_a.sql -> 005_a.sql: number 004 is taken by "4 other", which is applied'],
    ],
    ['a renamed file with the text that was applied stays', { files: '004_a:2', applied: '4_other:2' }, []],
    ['an edited file stays', { files: '004_a:1', applied: '4_a:2' }, []],
    [
      'the one of the base branch stays, and the rollback moves along',
      { files: '003_a 004_a 004_b 004_b.rollback', base: '003_a 004_a' },
      [
        '004_b.rollback.sql -> 005_b.rollback.sql: it takes 004_b.sql back',
        '004_b.sql -> 005_b.sql: number 004 is taken by 004_a.sql, which the base branch has',
      ],
    ],
    [
      'of two on the base branch the first stays',
      { files: '004_a 004_b', base: '004_b 004_a' },
      ['004_a.sql -> 005_a.sql: number 004 is taken by 004_b.sql, which came to the base branch first'],
    ],
    [
      'of two that came to it at once, the person decides',
      { files: '004_a 004_b', base: '004_b,004_a' },
      ['004? 004_a.sql 004_b.sql'],
    ],
    [
      'of two that it does not have, the person decides',
      { files: '003_z 004_a 004_b', base: '003_z' },
      ['004? 004_a.sql 004_b.sql'],
    ],
    [
      'late ones move behind the newest, in their order',
      { files: '001_a 002_b 003_c 010_d 011_e', applied: '1_a 10_d' },
      [
        '003_c.sql -> 013_c.sql: the later "10 d" is applied already',
        '002_b.sql -> 012_b.sql: the later "10 d" is applied already',
      ],
    ],
    [
      'what is newest may be a row whose file is elsewhere',
      { files: '002_b', applied: '1_a 7_gone' },
      ['002_b.sql -> 008_b.sql: the later "7 gone" is applied already'],
    ],
    [
      'without a database, the base branch says what is late',
      { files: '008_x 010_a', base: '010_a' },
      ['008_x.sql -> 011_x.sql: the base branch has the later 010_a.sql already'],
    ],
    [
      'one that is applied here and late for all others is told, not moved',
      { files: '008_x 010_a', base: '010_a', applied: '8_x' },
      [
        '008_x.sql is applied in this database, but it is not in the base branch, and the base branch has the later 010_a.sql already.',
      ],
    ],
    [
      'the files of a branch keep their order',
      { files: '004_a 005_d 004_b 005_c 006_e 100_f', base: '004_a 005_d' },
      [
        '006_e.sql -> 008_e.sql: it comes after 005_c.sql',
        '005_c.sql -> 007_c.sql: number 005 is taken by 005_d.sql, which the base branch has',
        '004_b.sql -> 006_b.sql: number 004 is taken by 004_a.sql, which the base branch has',
      ],
    ],
    [
      'an equal name that is freed before it is needed is no hindrance',
      { files: '005_x 005_y 006_x', base: '005_y' },
      [
        '006_x.sql -> 007_x.sql: it comes after 005_x.sql',
        '005_x.sql -> 006_x.sql: number 005 is taken by 005_y.sql, which the base branch has',
      ],
    ],
    [
      'timestamps count on from the newest',
      { files: '20240101120000_a 20240101120000_b', applied: '20240101120000_a' },
      [
        '20240101120000_b.sql -> 20240101120001_b.sql: number 20240101120000 is taken by 20240101120000_a.sql, which is applied',
      ],
    ],
    [
      'the number of a rollback whose migration is gone is not free',
      { files: '004_a 004_b 005_b.rollback', applied: '4_a' },
      ['004_b.sql -> 006_b.sql: number 004 is taken by 004_a.sql, which is applied'],
    ],
  ]
  test('what has to be taken back is told by the command', () => {
    const { problems } = planRenumber(
      factsOf({ files: '001_a 002_f 002_m 003_g', applied: '1_a 2_f 3_g', base: '001_a 002_m' }),
    )
    expect(problems.map(({ hint }) => hint)).toEqual([
      'Take back what is applied from number 002 on (poststack database rollback --target-version 1), then renumber it and migrate again.',
    ])
  })

  test.each(cases)('%s', (_, given, expected) => {
    expect(told(planRenumber(factsOf(given)))).toEqual(expected)
  })

  const versions = fc.uniqueArray(fc.tuple(fc.integer({ min: 1, max: 12 }), fc.constantFrom('a', 'b', 'c')), {
    selector: ([version, name]) => `${version}${name}`,
    maxLength: 14,
  })
  const world = fc.record({
    files: versions,
    rollbacks: fc.array(fc.nat(20)),
    applied: fc.option(fc.array(fc.nat(20))),
    base: fc.option(fc.array(fc.nat(20))),
    seed: fc.nat(),
  })

  test('afterwards no number is taken twice and none comes late; applied files stay; order is kept; nothing is overwritten', () => {
    fc.assert(
      fc.property(world, ({ files, rollbacks, applied, base, seed }) => {
        const stems = files.map(([version, name]) => `${String(version).padStart(2, '0')}_${name}`)
        const chosenFrom = (indexes: readonly number[]): readonly string[] => [
          ...new Set(indexes.flatMap((index) => stems[index] ?? [])),
        ]
        // A database has one file of a number.
        const rows =
          applied === null
            ? undefined
            : chosenFrom(applied).filter(
                (stem, index, all) => all.findIndex((one) => one.slice(0, 2) === stem.slice(0, 2)) === index,
              )
        const facts: RenumberFacts = {
          ...factsOf({
            files: [...stems, ...chosenFrom(rollbacks).map((stem) => `${stem}.rollback`)].join(' '),
            ...(rows === undefined ? {} : { applied: rows.join(' ') }),
            ...(base === null ? {} : { base: chosenFrom(base).join(' ') }),
          }),
        }
        const plan = settle(facts, seed)
        const names = new Set(facts.files.map(({ file }) => file))
        for (const { from, to } of plan.moves) {
          expect(names.delete(from)).toBe(true)
          expect(names.has(to)).toBe(false)
          names.add(to)
        }
        for (const stem of rows ?? []) expect(names).toContain(`${stem}.sql`)
        const after = { ...facts, files: [...names].map((file) => ({ file })) }
        const left = planRenumber({ ...after, base: facts.base })
        expect(left.choices).toEqual([])
        expect(left.moves).toEqual([])
        const up = plan.moves.filter(({ from }) => !from.includes('.rollback.'))
        const byOld = up.toSorted((a, b) => order(a.from, b.from)).map(({ to }) => to)
        expect(byOld).toEqual(byOld.toSorted(order))
        const own = stems
          .map((stem) => `${stem}.sql`)
          .filter(
            (file) => facts.base !== undefined && !facts.base.has(file) && rows?.includes(file.slice(0, -4)) !== true,
          )
        const ownNow = own.toSorted(order).map((file) => up.find(({ from }) => from === file)?.to ?? file)
        if (up.some(({ from }) => own.includes(from))) expect(ownNow).toEqual(ownNow.toSorted(order))
        for (const file of names)
          if (file.includes('.rollback.')) expect(names).toContain(file.replace('.rollback', ''))
      }),
      { numRuns: 500 },
    )
  })
})

function order(a: string, b: string): number {
  return compareVersions(parseName(a)?.version ?? '', parseName(b)?.version ?? '') || (a < b ? -1 : 1)
}

/** Answers every question by moving all files but one. */
function settle(facts: RenumberFacts, seed: number): RenumberPlan {
  const asked = planRenumber(facts)
  if (asked.choices.length === 0) return asked
  expect(asked.moves).toEqual([])
  const chosen = asked.choices.flatMap(({ files }) => files.filter((_, index) => index !== seed % files.length))
  return planRenumber({ ...facts, chosen })
}
