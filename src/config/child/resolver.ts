/**
 * `import.meta.resolve` for the modules of a bundle: each asks from its own place, and gets what tsx would say. Runs inside the process of a
 * config or a script.
 */
import { dirname, resolve } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { fileInOrder } from '../load/order.ts'

export const resolverKey = Symbol.for('poststack.resolver')

/** Without it Node lets nobody ask for another module. */
export const resolverFlag = '--experimental-import-meta-resolve'

/** `own` are URLs of our modules, for a project that has not installed them. */
export function offerResolver(own: Readonly<Record<string, string>>): void {
  const resolverOf = (importer: string) => {
    const file = fileURLToPath(importer)
    const written = { importer: file, resolveDir: dirname(file), kind: 'import-statement' } as const
    return (specifier: string): string => {
      const isPath = /^\.{0,2}(?:\/|$)/.test(specifier)
      const path = isPath ? [specifier, `${specifier}/index`].map((one) => fileInOrder({ ...written, path: one })) : []
      const found = path.find((one) => one !== undefined)
      if (found !== undefined) return pathToFileURL(resolve(dirname(file), found)).href
      try {
        return import.meta.resolve(specifier, importer)
      } catch (error) {
        const mine = Object.hasOwn(own, specifier) ? own[specifier] : undefined
        if (mine === undefined) throw error
        return mine
      }
    }
  }
  Object.assign(globalThis, { [resolverKey]: resolverOf })
}
