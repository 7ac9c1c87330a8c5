/** In a bundle all files share one place; each gets its own back, where it asks for it. */
import { readFile } from 'node:fs/promises'
import { dirname, extname, join } from 'node:path'
import { pathToFileURL } from 'node:url'
import type { build as Build, OnLoadResult, Plugin } from 'esbuild'
import { resolverKey } from '../child/resolver.ts'
import { withoutComputed } from './computed.ts'
import { packageType } from './dependencies.ts'

/** Its code says what the bundle asks for. */
export const resolverName = 'poststackResolver'

/** What is known at once is written in, so that no column moves. */
export function placeOfEachFile(build: typeof Build): Plugin {
  return {
    name: 'poststack-places',
    setup(setup) {
      setup.onLoad({ filter: /\.[cm]?[jt]sx?$/ }, async ({ path }): Promise<OnLoadResult | undefined> => {
        const written = await readFile(path, 'utf8')
        const source = await withoutComputed(written, path, build)
        const text: OnLoadResult = { contents: source, loader: 'default', resolveDir: dirname(path) }
        if (!/\bimport\.meta\b|\b__(?:dirname|filename)\b/.test(source)) return source === written ? undefined : text
        const result = await build({
          entryPoints: [path],
          plugins: [{ name: 'poststack-text', setup: (inner) => inner.onLoad({ filter: /./ }, () => text) }],
          bundle: false,
          write: false,
          logLevel: 'silent',
          absWorkingDir: dirname(path),
          outfile: join(dirname(path), 'poststack-place.js'),
          sourcemap: 'inline',
          sourcesContent: false,
          platform: 'node',
          target: 'node20.19',
          define: await placeDefinitions(path),
          ...(/\bimport\.meta\.resolve\b/.test(source) && { banner: { js: resolverOf(path) } }),
        }).catch((error: unknown) => ({ outputFiles: [], errors: messagesOf(error) }))
        // With the errors left to the outer build, each is found once and in the file as it is.
        if (result.errors.length > 0) return undefined
        return { contents: result.outputFiles[0]?.text ?? '', loader: 'js', resolveDir: dirname(path) }
      })
    },
  }
}

/** Only the process in which the bundle runs knows what Node finds. */
function resolverOf(path: string): string {
  return `const ${resolverName} = /* @__PURE__ */ globalThis[Symbol.for(${JSON.stringify(resolverKey.description)})](${JSON.stringify(pathToFileURL(path).href)});`
}

function messagesOf(error: unknown): readonly unknown[] {
  return (error as { errors?: readonly unknown[] }).errors ?? [error]
}

async function placeDefinitions(path: string): Promise<Record<string, string>> {
  const [file, folder] = [JSON.stringify(path), JSON.stringify(dirname(path))]
  const meta = {
    'import.meta.url': JSON.stringify(pathToFileURL(path).href),
    'import.meta.filename': file,
    'import.meta.dirname': folder,
    'import.meta.resolve': resolverName,
  }
  const isEsm = extname(path).startsWith('.m') || (await packageType(path)) === 'module'
  return isEsm && !extname(path).startsWith('.c') ? meta : { ...meta, __filename: file, __dirname: folder }
}
