import { describe, expect, test } from 'vitest'

import { fit, fitHelp } from '../../../src/cli/report/fit.ts'

const terminal = { write: () => undefined, isTTY: true, columns: 60 }
const row =
  '  #1 service:db  blocked  the data in volume shop-db-data have no database "orders": one is made first  after #2 #3'

describe('text for a terminal', () => {
  test('is broken between words, below the column that runs over', () => {
    const text = [
      'shop on podman: 1 step',
      '',
      row,
      '     - set `database` of the service db back to "poststack", which it was before',
      'error  The server at 127.0.0.1:5432 does not let role "app" in: no.  [PASSWORD_REJECTED]',
      '       try: put the old password back, in the config or where it was generated',
      '  db   failed  migrations unknown  postgresql://poststack@127.0.0.1:5987/poststack',
      '         | what a service has written, in lines that may be long',
      '  poststack database new|migrate|rollback|migration-status|verify-migrations|renumber ...',
      'a sentence that has no columns goes on at the margin, as sentences do',
    ].join('\n')
    const fitted = fit(text, terminal)
    expect(fitted).toMatchInlineSnapshot(`
      "shop on podman: 1 step

        #1 service:db  blocked  the data in volume shop-db-data
                                have no database "orders": one is
                                made first  after #2 #3
           - set \`database\` of the service db back to "poststack",
             which it was before
      error  The server at 127.0.0.1:5432 does not let role "app"
             in: no.  [PASSWORD_REJECTED]
             try: put the old password back, in the config or
                  where it was generated
        db   failed  migrations unknown
          postgresql://poststack@127.0.0.1:5987/poststack
               | what a service has written, in lines that may be
                 long
        poststack database new|migrate|rollback|migration-status|
        verify-migrations|renumber ...
      a sentence that has no columns goes on at the margin, as
      sentences do"
    `)
    expect(Math.max(...fitted.split('\n').map((line) => line.length))).toBeLessThanOrEqual(60)
  })

  test('of help is broken anew where it was broken by hand', () => {
    const help = [
      'Makes the stack as declared: builds images, starts containers, waits until they are ready,',
      'applies pending migrations. What is as declared is left alone.',
      '',
      'EXAMPLES',
      '  poststack up',
      '     [--mode]  mode handed to the config function in a file  [default = development]',
    ].join('\n')
    expect(fitHelp(help, terminal)).toMatchInlineSnapshot(`
      "Makes the stack as declared: builds images, starts
      containers, waits until they are ready, applies pending
      migrations. What is as declared is left alone.

      EXAMPLES
        poststack up
           [--mode]  mode handed to the config function in a file
                     [default = development]"
    `)
    expect(fitHelp(help, { ...terminal, columns: 120 })).toBe(help)
  })

  test('has its colour, which takes no room', () => {
    const red = '\u001B[31m'
    const line = `${red}error\u001B[39m  ${'word '.repeat(10)}end`
    expect(fit(line, terminal)).toBe(line)
  })

  test('keeps what is shown as it is, and words that are longer than the terminal', () => {
    const kept = [`> 5 |   ADD COLUMN ${'currency '.repeat(9)}txt;`, `    |${' '.repeat(70)}^`, 'x'.repeat(99)]
    expect(fit(kept.join('\n'), terminal)).toBe(kept.join('\n'))
  })

  test('is left alone where no person looks, or nobody knows how wide it is', () => {
    for (const change of [{ isTTY: false }, { columns: undefined }, { columns: 20 }])
      expect(fit(row, { ...terminal, ...change })).toBe(row)
  })
})
