/**
 * What a migration run says, in the words of the stack: a run of `up` and a database command are told alike.
 */
import type { StackEvent, StepFacts } from '../events.ts'
import type { MigrationEvent } from '../migrations/events.ts'

/** The step of an `up` in which it happens, and its service. */
export interface MigrationStep extends StepFacts {
  readonly service: string
}

/** `version` is renamed, because each JSON line has a version of its own. */
export function stackEventOf(event: MigrationEvent, step?: MigrationStep): StackEvent {
  switch (event.type) {
    case 'lock-waiting': {
      const { description, waitedMs } = event
      return { type: 'lock-waiting', lock: 'migrations', holder: description, waitedMs }
    }
    case 'notice':
      return event
    case 'server-notice':
      return { ...step, ...event }
    case 'migration-started':
    case 'migration-applied':
    case 'migration-rolled-back': {
      const { version, ...facts } = event
      return { ...step, migration: version, ...facts }
    }
    case 'migration-blocked':
    case 'migration-retrying': {
      const { version, ...facts } = event
      return { ...step, migration: version, ...facts }
    }
  }
}
