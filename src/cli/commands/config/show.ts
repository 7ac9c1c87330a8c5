import { relative } from 'node:path'

import { logsOf } from '../../../config/logs.ts'
import { looksSecret } from '../../../config/schema/issues.ts'
import { originOf } from '../../../config/origin.ts'
import { asObject, pathText, shownValues } from '../../../config/shown.ts'
import { ExitCode, PoststackError } from '../../../errors.ts'
import type { ReadConfig } from '../../../stack/read-config.ts'
import { readDeclared, runConfig } from '../../config-session.ts'
import type { Context } from '../../context.ts'
import type { CommonFlags } from '../../flags.ts'
import { dependenciesText, originText, valuesText } from '../../report/config-words.ts'
import type { ConfigDependenciesDocument, ConfigDocument, ShownLine } from '../../report/documents.ts'

interface ShowFlags extends CommonFlags {
  readonly dependencies: boolean
  readonly origin: boolean
  readonly yaml: boolean
}

/** `poststack config-show` */
export async function configShow(this: Context, flags: ShowFlags): Promise<void> {
  await runConfig(this, flags, async (session) => {
    if (flags.json && flags.yaml)
      throw new PoststackError('USAGE', 'The config is shown as JSON or as YAML, not both.', {
        hint: 'Leave out --json or --yaml.',
      })
    const read = await readDeclared(session)
    const { report } = session
    if (flags.dependencies) {
      const document = dependencies(read)
      report.result(document, flags.yaml ? await asYaml(document) : dependenciesText(document))
    } else {
      const { document, lines } = values(read, flags, this.io.env)
      report.result(document, flags.yaml ? await asYaml(document.config, lines) : valuesText(lines))
    }
    return ExitCode.ok
  })
}

async function asYaml(value: unknown, lines: readonly ShownLine[] = []): Promise<string> {
  const { yamlText } = await import('../../../config/yaml-text.ts')
  const origins = lines.flatMap(({ keys, origin }) =>
    origin === undefined ? [] : [[keys, originText(origin)] as const],
  )
  return yamlText(value, origins)
}

function values(
  { beside, inputs, loaded, origins, parsed, plain }: ReadConfig,
  flags: ShowFlags,
  env: Readonly<Record<string, string | undefined>>,
): { readonly document: ConfigDocument; readonly lines: readonly ShownLine[] } {
  const { config, literals } = parsed
  const { file, layers, positions, root, sources } = loaded
  const runtime = flags.runtime ?? config.runtime
  // A secret that came from the environment is one under any name.
  const secret = inputs.variables.filter((name) => looksSecret(name)).map((name) => [name, env[name] ?? ''] as const)
  const secrets = { ...literals, ...Object.fromEntries(secret) }
  const { logLevel } = flags
  const logs = logLevel === undefined ? config.logs : { ...(config.logs ?? logsOf({}, root)), level: logLevel }
  const shown = shownValues({
    plain,
    config: { ...config, runtime, logs },
    literals: secrets,
    beside: Object.fromEntries([...beside].map(([key, { value }]) => [key, value])),
  })
  const environment = new Map([...origins, ...beside])
  const winning = {
    ...(logLevel !== undefined && { 'logs.level': '--log-level' }),
    ...(flags.runtime !== undefined && { runtime: '--runtime' }),
    ...(flags.instance !== undefined && { name: '--instance' }),
  }
  const from = { root, file, sources, positions, layers, inputs, environment, flags: winning }
  const lines = shown.map((one) => ({
    path: pathText(one),
    keys: one.path,
    value: one.value,
    ...(flags.origin && { origin: originOf(one, from) }),
  }))
  const originsByPath = Object.fromEntries(
    lines.flatMap(({ path, origin }) => (origin === undefined ? [] : [[path, origin]])),
  )
  return {
    document: {
      type: 'config',
      ...(file !== undefined && { file: relative(root, file) }),
      root,
      config: asObject(shown),
      ...(flags.origin && { origins: originsByPath }),
    },
    lines,
  }
}

function dependencies({ inputs, loaded, notKept }: ReadConfig): ConfigDependenciesDocument {
  const { cache, root } = loaded
  const { allVariables, candidates, files, globs, variables } = inputs
  const short = (path: string): string => {
    const inside = relative(root, path)
    return inside.startsWith('..') ? path : inside
  }
  return {
    type: 'config-dependencies',
    root,
    files: files.map(short),
    candidates: candidates.map(short),
    globs,
    variables,
    allVariables,
    cached: cache.hit,
    ...(notKept !== undefined && { notKept }),
  }
}
