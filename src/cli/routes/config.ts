/**
 * The commands about the config itself.
 */
import { buildCommand } from '@stricli/core'

import { commonAliases, commonFlags, toggle } from '../flags.ts'
import { helpOf } from '../help.ts'

const configValidate = buildCommand({
  loader: async () => (await import('../commands/config/validate.ts')).configValidate,
  parameters: {
    flags: { types: toggle("ask the project's TypeScript as well"), ...commonFlags },
    aliases: commonAliases,
  },
  docs: { brief: 'check the config, and tell all of its mistakes', fullDescription: helpOf('config-validate') },
})

const configShow = buildCommand({
  loader: async () => (await import('../commands/config/show.ts')).configShow,
  parameters: {
    flags: {
      dependencies: toggle('what the config was made from, instead of what it says'),
      origin: toggle('where each value comes from'),
      yaml: toggle('as YAML'),
      ...commonFlags,
    },
    aliases: commonAliases,
  },
  docs: { brief: 'show the config as it is understood', fullDescription: helpOf('config-show') },
})

export const configRoutes = { 'config-validate': configValidate, 'config-show': configShow }
