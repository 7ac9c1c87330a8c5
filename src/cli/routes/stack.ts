/**
 * The commands that act on the stack as a whole.
 */
import { buildCommand } from '@stricli/core'

import type { Shell } from '../commands/completion.ts'
import { commonAliases, commonFlags, services, toggle, valued, waitTimeout } from '../flags.ts'
import { helpOf } from '../help.ts'
import { configRoutes } from './config.ts'
import { programRoutes } from './programs.ts'

const shells: readonly Shell[] = ['bash', 'zsh', 'fish']

function shellOf(text: string): Shell {
  const shell = shells.find((name) => name === text)
  if (shell === undefined) throw new RangeError(`"${text}" is none of ${shells.join(', ')}`)
  return shell
}

const init = buildCommand({
  loader: async () => (await import('../commands/init.ts')).init,
  parameters: {
    flags: {
      yes: toggle('do not ask; take what is found, and the defaults'),
      json: commonFlags.json,
      verbose: commonFlags.verbose,
      quiet: commonFlags.quiet,
      color: commonFlags.color,
    },
    aliases: { y: 'yes', v: 'verbose', q: 'quiet' },
  },
  docs: { brief: 'write a first poststack.config.ts', fullDescription: helpOf('init') },
})

const up = buildCommand({
  loader: async () => (await import('../commands/up.ts')).up,
  parameters: {
    flags: {
      waitTimeout,
      backup: {
        kind: 'boolean',
        brief: 'first write a backup of each database that would be migrated',
        default: false,
        withNegated: false,
      },
      yes: {
        kind: 'boolean',
        brief: 'do not ask for a backup before a migration takes data away',
        default: false,
        withNegated: false,
      },
      ...commonFlags,
    },
    aliases: { ...commonAliases, y: 'yes' },
    positional: services,
  },
  docs: {
    brief: 'make the stack as declared: build, start, wait, migrate',
    fullDescription: helpOf('up'),
  },
})

const plan = buildCommand({
  loader: async () => (await import('../commands/plan.ts')).plan,
  parameters: {
    flags: {
      check: { kind: 'boolean', brief: 'exit with 3 when something is to be done', default: false, withNegated: false },
      ...commonFlags,
    },
    aliases: commonAliases,
    positional: services,
  },
  docs: { brief: 'show what `up` would do and why, and change nothing', fullDescription: helpOf('plan') },
})

const down = buildCommand({
  loader: async () => (await import('../commands/down.ts')).down,
  parameters: {
    flags: {
      volumes: { kind: 'boolean', brief: 'delete the data, too', default: false, withNegated: false },
      yes: { kind: 'boolean', brief: 'do not ask before deleting data', default: false, withNegated: false },
      ...commonFlags,
    },
    aliases: { ...commonAliases, y: 'yes' },
  },
  docs: { brief: 'stop and remove what runs; data is kept', fullDescription: helpOf('down') },
})

const status = buildCommand({
  loader: async () => (await import('../commands/status.ts')).status,
  parameters: {
    flags: {
      check: { kind: 'boolean', brief: 'exit with 3 unless all is as declared', default: false, withNegated: false },
      ...commonFlags,
    },
    aliases: commonAliases,
  },
  docs: { brief: 'show what runs, where, and whether it is as declared', fullDescription: helpOf('status') },
})

const watch = buildCommand({
  loader: async () => (await import('../commands/watch.ts')).watch,
  parameters: {
    flags: {
      onEdit: {
        kind: 'enum',
        values: ['rollback', 'replay', 'ask', 'refuse'],
        brief: 'when the newest applied migration is edited',
        default: 'rollback',
      },
      yes: {
        kind: 'boolean',
        brief: 'agree to the rollback of migrations whose files are gone',
        default: false,
        withNegated: false,
      },
      ...commonFlags,
    },
    aliases: { ...commonAliases, y: 'yes' },
    positional: services,
  },
  docs: {
    brief: 'keep the stack as declared while files change',
    fullDescription: helpOf('watch'),
  },
})

const report = buildCommand({
  loader: async () => (await import('../commands/report.ts')).report,
  parameters: {
    flags: {
      html: valued('file', 'write it as one HTML file; - for stdout', String),
      ...commonFlags,
    },
    aliases: commonAliases,
  },
  docs: { brief: 'tell all of the stack, also as a page to look at', fullDescription: helpOf('report') },
})

const doctor = buildCommand({
  loader: async () => (await import('../commands/doctor.ts')).doctor,
  parameters: { flags: commonFlags, aliases: commonAliases },
  docs: { brief: 'look whether this machine can run the stack', fullDescription: helpOf('doctor') },
})

const completion = buildCommand({
  loader: async () => (await import('../commands/completion.ts')).completion,
  parameters: {
    flags: {},
    positional: {
      kind: 'tuple',
      parameters: [
        { brief: 'bash, zsh or fish', parse: shellOf, placeholder: 'shell', proposeCompletions: () => shells },
      ],
    },
  },
  docs: { brief: 'print a script that completes commands in a shell', fullDescription: helpOf('completion') },
})

const version = buildCommand({
  loader: async () => (await import('../commands/version.ts')).version,
  parameters: {
    flags: { json: commonFlags.json },
  },
  docs: { brief: 'show the version', fullDescription: helpOf('version') },
})

export const stackRoutes = {
  init,
  up,
  watch,
  plan,
  down,
  status,
  ...programRoutes,
  ...configRoutes,
  report,
  doctor,
  completion,
  version,
}
