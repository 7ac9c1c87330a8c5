/**
 * What a migration run says, as lines for people: the same in `up` and in the database commands, but for the service's name before it.
 */
import kleur from 'kleur'

import type { StackEvent } from '../../events.ts'
import { duration } from './words.ts'

export type MigrationLineEvent = Extract<
  StackEvent,
  {
    type:
      | 'migration-applied'
      | 'migration-rolled-back'
      | 'migration-blocked'
      | 'migration-retrying'
      | 'server-notice'
      | 'rollback-proved'
  }
>

type Verdict = Extract<StackEvent, { type: 'rollback-proved' }>['verdict']

const verdicts: Readonly<Record<Verdict, string>> = {
  exact: 'exact: rolled back, the schema is as before',
  'column-order': 'as before, but for the order of columns',
  irreversible: 'leaves behind what PostgreSQL cannot take back',
  'not-restored': 'does not restore the schema',
  fails: 'the rollback fails',
  missing: 'no rollback file',
  'not-tried': 'not tried: it reaches beyond this database',
  'apply-fails': 'cannot be applied',
}

/** The line of an event, or nothing where it would say again what the last line said. */
export function createMigrationLines(): (event: MigrationLineEvent, width: number) => string | undefined {
  let blockedBy = ''
  return (event, width) => {
    switch (event.type) {
      case 'migration-applied':
      case 'migration-rolled-back':
        blockedBy = ''
        return doneLine(event, width)
      case 'migration-blocked': {
        // Said about twice a second; a person wants to know once for each who stands in the way.
        const by = event.blockers.join('\n')
        if (by === blockedBy) return undefined
        blockedBy = by
        return asideLine('waiting', `${event.file} waits for a lock that another session holds:`, event.blockers)
      }
      case 'migration-retrying': {
        blockedBy = ''
        const pause = duration(event.pauseMs)
        const why = event.deadlock === true ? 'was ended in a deadlock' : 'did not get its locks'
        const text = `${event.file} ${why} and was rolled back; try ${event.attempt + 1} in ${pause}`
        return asideLine('retry', event.blockers.length === 0 ? text : `${text}; in the way:`, event.blockers)
      }
      case 'server-notice':
        return asideLine(event.severity.toLowerCase(), `${event.file}: ${event.message}`, [])
      case 'rollback-proved':
        return proofLine(event)
    }
  }
}

function doneLine(
  event: Extract<StackEvent, { type: 'migration-applied' | 'migration-rolled-back' }>,
  width: number,
): string {
  const { service, migration, name, durationMs } = event
  const done = event.type === 'migration-applied' ? 'applied' : 'rolled back'
  // A database command does nothing else, so its word stands in the last line.
  const what = service === undefined ? '' : `       ${service.padEnd(width)}  ${done.padEnd(9)}`
  return `  ${kleur.green('ok')}${what}  ${migration}_${name}  ${kleur.dim(duration(durationMs))}`
}

function proofLine({ verdict, migration, name }: Extract<StackEvent, { type: 'rollback-proved' }>): string {
  const label = `${migration}_${name}`
  if (verdict === 'exact') return `  ${kleur.green('ok')}       ${label}  ${kleur.dim(verdicts[verdict])}`
  const wrong = verdict === 'not-restored' || verdict === 'fails' || verdict === 'apply-fails'
  const mark = wrong ? kleur.red('failed ') : kleur.yellow('warning')
  return `  ${mark}  ${label}  ${verdicts[verdict]}`
}

function asideLine(mark: string, text: string, more: readonly string[]): string {
  const [first = '', ...rest] = text.split('\n')
  const indent = ' '.repeat(4 + mark.length)
  return [
    `  ${kleur.yellow(mark)}  ${first}`,
    ...rest.map((line) => indent + line),
    ...more.map((line) => indent + line),
  ].join('\n')
}
