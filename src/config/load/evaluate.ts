/**
 * Evaluates a config of code. Loaded when there is no result of an earlier time to go by.
 */
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { resolverFlag } from '../child/resolver.ts'
import { bothPermissions, manifestPermissions, type Permissions } from '../permissions.ts'
import { bundleConfig, listModules, writeBundle } from './bundle.ts'
import type { ConfigCache } from './cache.ts'
import { placeOfDefinition, readSources } from './errors.ts'
import type { FoundConfig } from './find.ts'
import { guardFlags, hostsFor, readableFolders } from './guarded.ts'
import type { LoadedConfig, LoadOptions } from './load.ts'
import { keepWith, originsOf, whyNotKept } from './origins.ts'
import { ownPackage } from './own-package.ts'
import { bundleOwn, ownProgram } from './own-program.ts'
import { refuseOutside } from './reach.ts'
import { runChild } from './run-child.ts'
import { refuseQueries, trustedFlags } from './trusted.ts'

export interface Evaluation {
  /** For files that live as long as it does. */
  readonly folder: string
  /** Those of the flags, with absolute paths. */
  readonly permissions: Permissions
  readonly cache: ConfigCache
}

/** The config as it is now: bundled, and executed in a process of its own. */
export async function evaluate(
  config: FoundConfig,
  { folder, permissions, cache }: Evaluation,
  options: LoadOptions,
): Promise<LoadedConfig> {
  const own = ownPackage()
  const outfile = join(folder, 'config.mjs')
  // One after the other: the folder is removed when one fails, and nothing may write into it then.
  const program = await ownProgram(own.child, own, folder)
  const manifest = await manifestPermissions(config.root)
  const granted = bothPermissions(manifest, permissions)
  const isTrusted = options.trusted === true || manifest.all === true
  const bundle = await bundleConfig(config, own, outfile, ({ inputs, reached }) =>
    isTrusted
      ? refuseQueries(inputs, config)
      : refuseOutside(reached, { config, granted, folders: [config.root, own.root] }),
  )
  const ownCommonJs = join(folder, 'poststack.cjs')
  await (isTrusted ? bundleOwn(own.entry, ownCommonJs) : writeBundle(bundle))
  const readable = [...readableFolders(config.root, bundle.externals), folder, join(own.root, 'dist')]
  const flags = isTrusted ? trustedFlags() : [...guardFlags(granted, readable, process.versions.node), resolverFlag]
  const job = {
    url: pathToFileURL(isTrusted ? config.file : outfile).href,
    file: config.file,
    mode: options.mode,
    cwd: options.cwd,
    guarded: !isTrusted,
    mayStart: isTrusted || granted.run === true,
    needsRequire: bundle.needsRequire,
    modulesFile: isTrusted ? await listModules(bundle, folder) : undefined,
    own: pathToFileURL(own.entry).href,
    ownCommonJs,
    ...(isTrusted ? { withheld: [] } : { withheld: withheldVariables(granted, options.env), hosts: hostsFor(granted) }),
  }
  const { env, signal, timeoutMs = 30_000, onWaiting } = options
  const { externals, inputs: code, missing } = bundle
  const context = { config, externals, missing, inputs: code, folder: isTrusted ? undefined : folder }
  const { reads, ...result } = await runChild(
    { program, flags, job, env, timeoutMs, signal, onStarted: onWaiting },
    context,
  )
  const { inputs, origins } = originsOf(config.file, bundle, reads)
  const notices = bundle.circles.map(
    (circle) => `${circle.join(' imports ')}: what one of them needs while it is evaluated may be undefined still`,
  )
  const why = result.issues.length > 0 ? 'it has mistakes' : whyNotKept(bundle, reads, context)
  const { plain, output } = result
  const layers = result.layers && {
    values: result.layers.values,
    places: result.layers.stacks.map((stack) => placeOfDefinition(stack, context) ?? null),
  }
  return {
    ...result,
    layers,
    file: config.file,
    root: config.root,
    images: [],
    inputs,
    sources: await readSources(bundle.inputs),
    notices,
    cache: { hit: false },
    keep: async (passed) =>
      why ??
      (await keepWith(
        cache,
        { plain, passed, layers, output, notices, inputs, code: bundle.inputs },
        await origins(config),
      )),
  }
}

function withheldVariables({ env }: Permissions, present: LoadOptions['env']): readonly string[] {
  return env === undefined || env === true ? [] : Object.keys(present).filter((name) => !env.includes(name))
}
