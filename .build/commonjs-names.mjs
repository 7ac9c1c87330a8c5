import { readFile } from 'node:fs/promises'
import { dirname, extname, join } from 'node:path'
import { pathToFileURL } from 'node:url'

const SKIP = 'asked by commonjs-names'

/**
 * An esbuild plugin: `const { parse } = await import('yaml')` must give what Node gives, also when the package is CommonJS.
 * Without it such a chunk has a default export only: code that works unbundled (and compiles) finds `undefined` in dist.
 */
export const commonjsNames = {
  name: 'commonjs-names',
  setup(build) {
    build.onResolve({ filter: /^[@a-z]/ }, async ({ path, kind, pluginData, ...from }) => {
      if (kind !== 'dynamic-import' || pluginData === SKIP) return undefined
      const found = await build.resolve(path, { kind: 'import-statement', pluginData: SKIP, ...from })
      if (found.external || found.errors.length > 0 || !(await isCommonJs(found.path))) return undefined
      return { path: found.path, namespace: 'commonjs-names', pluginData: { name: path, resolveDir: from.resolveDir } }
    })
    build.onLoad({ filter: /.*/, namespace: 'commonjs-names' }, async ({ path, pluginData }) => {
      const all = Object.keys(await import(pathToFileURL(path).href))
      const names = all.filter((name) => /^[\p{ID_Start}$_][\p{ID_Continue}$]*$/u.test(name) && name !== 'default')
      // `require` and not `import`: Node hands out module.exports itself as the default, whatever __esModule says.
      const contents = `const all = require(${JSON.stringify(path)})\nexport default all\nexport const { ${names.join(', ')} } = all\n`
      return { contents, resolveDir: pluginData.resolveDir }
    })
  },
}

async function isCommonJs(file) {
  if (extname(file) !== '.js') return extname(file) === '.cjs'
  for (let folder = dirname(file); folder !== dirname(folder); folder = dirname(folder)) {
    const text = await readFile(join(folder, 'package.json'), 'utf8').catch(() => undefined)
    if (text !== undefined) return JSON.parse(text).type !== 'module'
  }
  return true
}
