/**
 * The commands of group `logs`: what Poststack has written down of its own work.
 */
import { buildCommand, buildRouteMap } from '@stricli/core'

import { logCategories } from '../../execute/log/log-files.ts'
import { logLevels } from '../../config/choices.ts'
import { tailCount } from '../flags-container.ts'
import { countOf } from '../flags-database.ts'
import { commonAliases, commonFlags, toggle, valued } from '../flags.ts'
import { logsHelp, logsHelpOf } from '../help-logs.ts'
import { runProposals } from '../proposals.ts'

const category = {
  kind: 'enum',
  values: logCategories,
  brief: 'only this category',
  optional: true,
} as const

const list = buildCommand({
  loader: async () => (await import('../commands/logs/list.ts')).list,
  parameters: { flags: { category, ...commonFlags }, aliases: commonAliases },
  docs: { brief: 'show which log files there are', fullDescription: logsHelpOf('list') },
})

const show = buildCommand({
  loader: async () => (await import('../commands/logs/show.ts')).show,
  parameters: {
    flags: {
      category,
      run: { ...valued('id', 'only the run with this id, or one that begins so', String), ...runProposals },
      level: { kind: 'enum', values: logLevels, brief: 'only this level and what is more important', optional: true },
      tail: valued('n', 'how many of the last lines (default: 100)', tailCount),
      follow: toggle('go on with what comes'),
      ...commonFlags,
    },
    aliases: { ...commonAliases, f: 'follow', n: 'tail' },
  },
  docs: { brief: 'show what was done', fullDescription: logsHelpOf('show') },
})

const clean = buildCommand({
  loader: async () => (await import('../commands/logs/clean.ts')).clean,
  parameters: {
    flags: {
      days: valued('n', 'only files that were not changed for so many days (default: 7)', countOf),
      dryRun: toggle('show what would be deleted, and delete nothing'),
      ...commonFlags,
    },
    aliases: commonAliases,
  },
  docs: { brief: 'delete old log files', fullDescription: logsHelpOf('clean') },
})

const size = buildCommand({
  loader: async () => (await import('../commands/logs/size.ts')).size,
  parameters: { flags: commonFlags, aliases: commonAliases },
  docs: { brief: 'show how much room the logs take', fullDescription: logsHelpOf('size') },
})

export const logsCommands = { list, show, clean, size }

export const logsRoutes = buildRouteMap({
  routes: logsCommands,
  docs: { brief: 'what Poststack has written down of its own work', fullDescription: logsHelp },
})
