/** Where this package stands: built in `dist/`, or as sources in a checkout. */
import { createHash } from 'node:crypto'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

export interface OwnPackage {
  readonly root: string
  /** What `import 'poststack'` means. */
  readonly entry: string
  /** What `import 'poststack/run'` means. */
  readonly run: string
  /** The program that evaluates a config. */
  readonly child: string
  /** The program that runs a script. */
  readonly scriptChild: string
  /** pg_dump in WebAssembly, as a program; only as it was built. */
  readonly wasmDump: string
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
    run: join(root, isSource ? 'src/run.ts' : 'dist/run.js'),
    child: join(root, isSource ? 'src/config/child/child.ts' : 'dist/config-child.js'),
    scriptChild: join(root, isSource ? 'src/config/child/script.ts' : 'dist/script-child.js'),
    wasmDump: join(root, 'dist/wasm-dump.js'),
    isSource,
  }
}

/** Changes with the version and with the program that evaluates configs; where that is source, with its own folder only. */
export function ownFingerprint({ root, child, isSource }: OwnPackage): string {
  const folder = dirname(child)
  const sources = isSource ? readdirSync(folder).map((name) => join(folder, name)) : [child]
  const hash = createHash('sha256')
  for (const file of [join(root, 'package.json'), ...sources]) hash.update(readFileSync(file))
  return hash.digest('hex')
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
