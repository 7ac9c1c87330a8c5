import { resolve } from 'node:path'

const SKIP = 'asked by together'

/**
 * An esbuild plugin: `files`, with all that they import, come in one chunk.
 *
 * esbuild makes a chunk of the modules that the same entry points share, and each `await import()` makes an entry point: with one for each
 * command, `poststack up` had to read 75 chunks. So whatever of our own is imported that way imports these files first, and all entry
 * points share them. Apart from what `start` imports: that is read before anybody knows whether these files are needed.
 */
export function together({ start, files }) {
  return {
    name: 'together',
    setup(build) {
      const root = build.initialOptions.absWorkingDir
      build.onResolve({ filter: /^\.\.?\// }, async ({ path, kind, pluginData, ...from }) => {
        if (kind !== 'dynamic-import' || pluginData === SKIP || from.importer === resolve(root, start)) return undefined
        const found = await build.resolve(path, { kind, pluginData: SKIP, ...from })
        return found.errors.length > 0 ? found : { path: found.path, namespace: 'later' }
      })
      build.onResolve({ filter: /^together$/ }, () => ({ path: 'together', namespace: 'together' }))
      build.onLoad({ filter: /.*/, namespace: 'later' }, ({ path }) => ({
        contents: `import 'together'\nexport * from ${JSON.stringify(path)}\n`,
        resolveDir: root,
      }))
      build.onLoad({ filter: /.*/, namespace: 'together' }, () => ({
        // With names: of an import for its effects alone, esbuild keeps nothing that nobody uses.
        contents: files.map((file, index) => `export * as part${index} from ${JSON.stringify(`./${file}`)}\n`).join(''),
        resolveDir: root,
      }))
    },
  }
}
