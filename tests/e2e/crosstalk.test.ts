/**
 * Two projects, each worked on by random commands at the same time as the other: what each one has afterwards is what its own commands make,
 * whatever the other one did. They are two checkouts of one stack, or two stacks, by turns. One engine gets 30 commands of each, the other one
 * and the native runtime a few; which one, the seed says. `POSTSTACK_COMMANDS=30` for as many everywhere; `POSTSTACK_SEED` brings a run back.
 */
import { randomBytes } from 'node:crypto'
import { expect, test } from 'vitest'
import { tempProject, type Project } from '../support/project.ts'
import { chooseSeed, randomNumbers } from '../support/random.ts'
import { database, debianImage, itemsMigration } from '../support/services.ts'
import { realRuntimes } from '../support/world.ts'

const seed = chooseSeed()
const many = 30
const few = 4

/** What one project must have. */
interface Model {
  readonly services: Readonly<Record<string, 'running' | 'stopped' | 'absent'>>
  /** Rows of the table; undefined while there is none. */
  readonly rows: number | undefined
  readonly hasData: boolean
  /** Value of a label of the container beside the database. */
  readonly edits: number
}

interface Command {
  readonly words: readonly string[]
  readonly isPossible?: (model: Model) => boolean
  readonly after: (model: Model) => Model
}

const all = (model: Model, state: 'running' | 'absent'): Model['services'] =>
  Object.fromEntries(Object.keys(model.services).map((name) => [name, state]))
const each = (model: Model, change: (state: string) => 'running' | 'stopped' | 'absent'): Model['services'] =>
  Object.fromEntries(Object.entries(model.services).map(([name, state]) => [name, change(state)]))
const started = (model: Model): Model => ({ ...model, services: all(model, 'running'), hasData: true })
const raised = (model: Model): Model => ({ ...started(model), rows: model.rows ?? 1 })
const isThere = ({ services }: Model): boolean => services['db'] !== 'absent'

const commands: readonly Command[] = [
  { words: ['up'], after: raised },
  { words: ['edit'], after: (model) => raised({ ...model, edits: model.edits + 1 }) },
  {
    words: ['insert'],
    isPossible: ({ rows, services }) => rows !== undefined && services['db'] === 'running',
    after: (model) => ({ ...model, rows: (model.rows ?? 0) + 1 }),
  },
  { words: ['plan'], after: (model) => model },
  { words: ['status'], after: (model) => model },
  { words: ['container', 'start'], after: started },
  { words: ['container', 'restart'], after: started },
  {
    words: ['container', 'stop'],
    after: (model) => ({ ...model, services: each(model, (state) => (state === 'absent' ? state : 'stopped')) }),
  },
  {
    words: ['container', 'clean'],
    after: (model) => ({ ...model, services: each(model, (state) => (state === 'running' ? state : 'absent')) }),
  },
  {
    words: ['container', 'remove', '--force', 'db'],
    isPossible: isThere,
    after: (model) => ({ ...model, services: { ...model.services, db: 'absent' } }),
  },
  { words: ['down'], after: (model) => ({ ...model, services: all(model, 'absent') }) },
  {
    words: ['down', '--volumes', '--yes'],
    after: (model) => ({ ...model, services: all(model, 'absent'), rows: undefined, hasData: false }),
  },
]

async function declare(project: Project, model: Model): Promise<void> {
  const worker =
    `container({ image: '${debianImage}', command: ['sleep', '600'], stopGraceSeconds: 0, ` +
    `labels: { edits: '${String(model.edits)}' }, volumes: [{ volume: 'files', target: '/files' }] })`
  await project.declare({ db: database(project), ...('worker' in model.services ? { worker } : {}) })
}

async function carryOut(project: Project, command: Command, model: Model): Promise<void> {
  const [word = ''] = command.words
  if (word === 'insert') await project.sql("INSERT INTO items (body) VALUES ('another')")
  else if (word === 'edit') {
    await declare(project, { ...model, edits: model.edits + 1 })
    await project.succeed('up')
  } else {
    const ended = await project.run(...command.words)
    // Two that begin in one moment may both find the plain name free: the one that loses says so, and takes another one the next time.
    if (ended.code !== 0 && ended.stderr.includes('[NAME_TAKEN]')) await project.succeed(...command.words)
    else expect(ended.code, ended.stderr).toBe(0)
  }
}

/** What there is, in the terms of the model. */
async function look(project: Project, { edits, rows, services }: Model): Promise<Model> {
  const seen = await project.world.containers()
  const stateOf = (name: string): 'running' | 'stopped' | 'absent' => {
    const found = seen.filter(({ service }) => service === name)
    expect(found.length, name).toBeLessThan(2)
    return found[0] === undefined ? 'absent' : found[0].running ? 'running' : 'stopped'
  }
  const states = Object.fromEntries(Object.keys(services).map((name) => [name, stateOf(name)]))
  // A database that does not run cannot be asked; it is asked when it runs again.
  const canAsk = states['db'] === 'running' && rows !== undefined
  const answer = canAsk ? await project.sql('SELECT count(*)::int FROM items') : [[rows]]
  const wanted =
    'worker' in services ? [`${project.stack}-db-data`, `${project.stack}-files`] : [`${project.stack}-db-data`]
  const volumes = (await project.world.volumes()).map((name) => name.replace(/-[0-9a-f]{6,}$/, ''))
  const labels = await project.world.inspectAll()
  if (states['worker'] === 'running') expect(labels).toMatch(new RegExp(`"edits": *"${String(edits)}"`))
  for (const [, root] of labels.matchAll(/"dev\.poststack\.root": *"([^"]*)"/g)) expect(root).toBe(project.root)
  return {
    services: states,
    rows: answer[0]?.[0] as number | undefined,
    hasData: volumes.toSorted().join() === wanted.join(),
    edits,
  }
}

interface Work {
  readonly count: number
  readonly random: () => number
  readonly title: string
}

/** One command after the other on one project, with a look after each. Gives what the project is to have in the end. */
async function work(project: Project, fresh: Model, { count, random, title }: Work): Promise<Model> {
  const said = [title]
  let model = fresh
  for (let done = 0; done < count; done++) {
    const possible =
      done === 0 ? commands.slice(0, 1) : commands.filter(({ isPossible }) => isPossible?.(model) !== false)
    const command = possible[Math.floor(random() * possible.length)] as Command
    said.push(command.words.join(' '))
    await carryOut(project, command, model).catch((error: unknown) => {
      throw new Error(said.join('\n'), { cause: error })
    })
    model = command.after(model)
    expect(await look(project, model), said.join('\n')).toEqual(model)
  }
  return model
}

const runtimes = await realRuntimes()
const there = runtimes.filter(({ missing }) => missing === undefined).map(({ name }) => name)
const engines = there.filter((name) => name !== 'native')
const thorough = (engines.length > 0 ? engines : there)[seed % Math.max(1, engines.length)]

for (const { name: runtime, title, missing } of runtimes) {
  const count = Number(process.env['POSTSTACK_COMMANDS'] ?? (runtime === thorough ? many : few))
  // Where it is few commands, they are the other way round, so that each run has both.
  const areOneStack = (Math.floor(seed / 2) % 2 === 0) === (runtime === thorough)
  test.skipIf(missing !== undefined)(
    `${title}: random commands on two projects at once must not meet`,
    { timeout: 60_000 + count * 30_000 },
    async () => {
      const stack = `e2e-${randomBytes(4).toString('hex')}`
      const other = areOneStack ? stack : `${stack}-other`
      const projects = [await tempProject({ runtime, stack }), await tempProject({ runtime, stack: other })]
      const fresh: Model = {
        services: runtime === 'native' ? { db: 'absent' } : { db: 'absent', worker: 'absent' },
        rows: undefined,
        hasData: false,
        edits: 0,
      }
      for (const project of projects) {
        await project.write(itemsMigration)
        await declare(project, fresh)
      }
      const works = projects.map((project, index) =>
        work(project, fresh, {
          count,
          random: randomNumbers(seed + index),
          title: `seed ${String(seed)}, ${areOneStack ? 'two checkouts of one stack' : 'two stacks'}, project ${String(index + 1)}`,
        }),
      )
      const results = await Promise.allSettled(works)
      for (const result of results) if (result.status === 'rejected') throw result.reason
      // Whichever was done first must not have lost anything to the last commands of the other.
      for (const [index, project] of projects.entries()) {
        const model = await works[index]
        if (model !== undefined) expect(await look(project, model)).toEqual(model)
      }
    },
  )
}
