/**
 * The commands of group `container`.
 */
import { buildCommand, buildRouteMap } from '@stricli/core'

import { portNumber, sinceWhen, tailCount } from '../flags-container.ts'
import { commonAliases, commonFlags, services, waitTimeout } from '../flags.ts'
import { containerHelp, containerHelpOf } from '../help-container.ts'
import { firstServiceProposals, serviceProposals } from '../proposals.ts'

const off = { kind: 'boolean', default: false, withNegated: false } as const
const noCache = { ...off, brief: 'use nothing of an earlier build' } as const
const yes = { ...off, brief: 'do not ask before deleting data' } as const

const build = buildCommand({
  loader: async () => (await import('../commands/container/build.ts')).build,
  parameters: {
    flags: {
      image: { kind: 'enum', values: ['postgres', 'base-debian', 'all'], brief: 'which of them', default: 'all' },
      noCache,
      ...commonFlags,
    },
    aliases: commonAliases,
  },
  docs: { brief: "build Poststack's own images", fullDescription: containerHelpOf('build') },
})

const buildProject = buildCommand({
  loader: async () => (await import('../commands/container/build-project.ts')).buildProject,
  parameters: {
    flags: {
      container: { kind: 'parsed', parse: String, brief: 'only this one', placeholder: 'name', optional: true },
      noCache,
      ...commonFlags,
    },
    aliases: commonAliases,
  },
  docs: { brief: "build the project's images", fullDescription: containerHelpOf('build-project') },
})

const start = buildCommand({
  loader: async () => (await import('../commands/container/start.ts')).start,
  parameters: {
    flags: {
      postgresPort: {
        kind: 'parsed',
        parse: portNumber,
        brief: 'host port of the PostgreSQL service for this start, instead of the declared one',
        placeholder: 'port',
        optional: true,
      },
      waitTimeout,
      ...commonFlags,
    },
    aliases: commonAliases,
    positional: services,
  },
  docs: { brief: 'start services without migrating', fullDescription: containerHelpOf('start') },
})

const stop = buildCommand({
  loader: async () => (await import('../commands/container/stop.ts')).stop,
  parameters: {
    flags: { all: { ...off, brief: 'also what the config no longer has' }, ...commonFlags },
    aliases: commonAliases,
    positional: services,
  },
  docs: { brief: 'stop services; containers and data stay', fullDescription: containerHelpOf('stop') },
})

const restart = buildCommand({
  loader: async () => (await import('../commands/container/restart.ts')).restart,
  parameters: { flags: { waitTimeout, ...commonFlags }, aliases: commonAliases, positional: services },
  docs: { brief: 'stop services and start them again', fullDescription: containerHelpOf('restart') },
})

const remove = buildCommand({
  loader: async () => (await import('../commands/container/remove.ts')).remove,
  parameters: {
    flags: { force: { ...off, brief: 'stop what runs first' }, ...commonFlags },
    aliases: { ...commonAliases, f: 'force' },
    positional: {
      kind: 'array',
      parameter: {
        brief: 'services or containers by name',
        parse: String,
        placeholder: 'name',
        ...serviceProposals,
      },
      minimum: 1,
    },
  },
  docs: { brief: 'remove containers; volumes are kept', fullDescription: containerHelpOf('remove') },
})

const status = buildCommand({
  loader: async () => (await import('../commands/container/status.ts')).status,
  parameters: { flags: commonFlags, aliases: commonAliases },
  docs: { brief: 'show each service with its container', fullDescription: containerHelpOf('status') },
})

const list = buildCommand({
  loader: async () => (await import('../commands/container/list.ts')).list,
  parameters: { flags: commonFlags, aliases: commonAliases },
  docs: { brief: 'list containers and images of the stack', fullDescription: containerHelpOf('list') },
})

const health = buildCommand({
  loader: async () => (await import('../commands/container/health.ts')).health,
  parameters: { flags: commonFlags, aliases: commonAliases, positional: services },
  docs: { brief: 'ask each service now, and say why not', fullDescription: containerHelpOf('health') },
})

const logs = buildCommand({
  loader: async () => (await import('../commands/container/logs.ts')).logs,
  parameters: {
    flags: {
      follow: { ...off, brief: 'go on with what comes' },
      tail: {
        kind: 'parsed',
        parse: tailCount,
        brief: 'how many of the last lines of each service (default: all)',
        placeholder: 'n',
        optional: true,
      },
      since: {
        kind: 'parsed',
        parse: sinceWhen,
        brief: 'only what came since: a time, or how long ago (30s, 10m, 2h, 1d)',
        placeholder: 'time',
        optional: true,
      },
      ...commonFlags,
    },
    aliases: { ...commonAliases, f: 'follow', n: 'tail' },
    positional: services,
  },
  docs: { brief: 'show what services say', fullDescription: containerHelpOf('logs') },
})

const exec = buildCommand({
  loader: async () => (await import('../commands/container/exec.ts')).exec,
  parameters: {
    flags: commonFlags,
    aliases: commonAliases,
    positional: {
      kind: 'array',
      parameter: {
        brief: 'the service, and after -- the command',
        parse: String,
        placeholder: 'service and command',
        ...firstServiceProposals,
      },
      minimum: 2,
    },
  },
  docs: {
    brief: 'run a command in a container',
    fullDescription: containerHelpOf('exec'),
    customUsage: ['<service> -- <command>...'],
  },
})

const shell = buildCommand({
  loader: async () => (await import('../commands/container/shell.ts')).shell,
  parameters: {
    flags: commonFlags,
    aliases: commonAliases,
    positional: {
      kind: 'tuple',
      parameters: [{ brief: 'the service', parse: String, placeholder: 'service', ...serviceProposals }],
    },
  },
  docs: { brief: 'open a shell in a container', fullDescription: containerHelpOf('shell') },
})

const clean = buildCommand({
  loader: async () => (await import('../commands/container/clean.ts')).clean,
  parameters: {
    flags: {
      dryRun: { ...off, brief: 'show what would be removed, and remove nothing' },
      volumes: { ...off, brief: 'delete data that no container uses, too' },
      yes,
      ...commonFlags,
    },
    aliases: { ...commonAliases, y: 'yes' },
  },
  docs: { brief: 'remove what is left over', fullDescription: containerHelpOf('clean') },
})

export const containerCommands = {
  start,
  stop,
  restart,
  remove,
  status,
  list,
  health,
  logs,
  exec,
  shell,
  build,
  'build-project': buildProject,
  clean,
}

export const containerRoutes = buildRouteMap({
  routes: containerCommands,
  docs: { brief: 'containers and images of the stack', fullDescription: containerHelp },
})
