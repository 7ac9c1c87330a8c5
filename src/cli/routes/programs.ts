/**
 * The commands that lead other programs to the stack.
 */
import { buildCommand } from '@stricli/core'

import { commonAliases, commonFlags, databaseService } from '../flags.ts'
import { helpOf } from '../help.ts'

const env = buildCommand({
  loader: async () => (await import('../commands/env.ts')).env,
  parameters: {
    flags: {
      service: databaseService,
      format: {
        kind: 'enum',
        values: ['dotenv', 'json', 'shell'],
        brief: 'as a .env file, a JSON object, or lines for a shell',
        default: 'dotenv',
      },
      ...commonFlags,
    },
    aliases: commonAliases,
  },
  docs: { brief: 'print the variables that lead programs to the stack', fullDescription: helpOf('env') },
})

const exec = buildCommand({
  loader: async () => (await import('../commands/exec.ts')).exec,
  parameters: {
    flags: { service: databaseService, ...commonFlags },
    aliases: commonAliases,
    positional: {
      kind: 'array',
      parameter: { brief: 'the command, after --', parse: String, placeholder: 'command' },
      minimum: 1,
    },
  },
  docs: {
    brief: 'run a command with these variables',
    fullDescription: helpOf('exec'),
    customUsage: ['-- <command>...'],
  },
})

const run = buildCommand({
  loader: async () => (await import('../commands/run.ts')).run,
  parameters: {
    flags: { service: databaseService, ...commonFlags },
    aliases: commonAliases,
    positional: {
      kind: 'array',
      parameter: { brief: 'the script, and its arguments', parse: String, placeholder: 'script' },
      minimum: 1,
    },
  },
  docs: {
    brief: 'run a TypeScript file with the stack in it',
    fullDescription: helpOf('run'),
    customUsage: ['<script> [<argument>...]'],
  },
})

const psql = buildCommand({
  loader: async () => (await import('../commands/psql.ts')).psql,
  parameters: {
    flags: {
      service: databaseService,
      database: {
        kind: 'parsed',
        parse: String,
        brief: 'any database of that server (default: the declared one)',
        placeholder: 'name',
        optional: true,
      },
      ...commonFlags,
    },
    aliases: commonAliases,
    positional: {
      kind: 'array',
      parameter: { brief: "psql's own arguments, after --", parse: String, placeholder: 'argument' },
    },
  },
  docs: {
    brief: 'open psql on a declared database',
    fullDescription: helpOf('psql'),
    customUsage: ['[-- <argument>...]'],
  },
})

export const programRoutes = { env, exec, run, psql }
