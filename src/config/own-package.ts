/** Where this package stands: built in `dist/`, or as sources in a checkout. */
import { existsSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

export interface OwnPackage {
  readonly root: string
  /** What `import 'poststack'` means. */
  readonly entry: string
  /** The program that evaluates a config. */
  readonly child: string
  /** Sources must be built before a restricted process can run them. */
  readonly isSource: boolean
}

export function ownPackage(): OwnPackage {
  const here = fileURLToPath(import.meta.url)
  const root = packageRoot(dirname(here))
  const isSource = here.startsWith(join(root, 'src'))
  return {
    root,
    entry: join(root, isSource ? 'src/index.ts' : 'dist/index.js'),
    child: join(root, isSource ? 'src/config/child.ts' : 'dist/config-child.js'),
    isSource,
  }
}

function packageRoot(folder: string): string {
  const manifest = join(folder, 'package.json')
  if (existsSync(manifest)) {
    const { name } = JSON.parse(readFileSync(manifest, 'utf8')) as { name?: unknown }
    if (name === 'poststack') return folder
  }
  if (dirname(folder) === folder) throw new Error('the poststack package is not complete: its package.json is missing')
  return packageRoot(dirname(folder))
}
