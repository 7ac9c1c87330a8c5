/**
 * Other tools, fetched from npm into a folder of the bench when it runs: together they are 46 MB, which nobody who only changes or tests
 * Poststack should have to install.
 */
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { runProgram } from './measure.ts'

export const versions = { dbmate: '2.36.0', 'node-pg-migrate': '9.0.0', pg: '8.23.1' } as const

export interface Peers {
  /** The program itself; what npm puts into `.bin` is a Node process around it. */
  readonly dbmate: string
  /** A script for Node. */
  readonly nodePgMigrate: string
}

/** Installs them, or says why that cannot be. Their install scripts are not run. */
export async function installPeers(folder: string): Promise<Peers | string> {
  const wanted = Object.entries(versions).map(([name, version]) => `${name}@${version}`)
  const flags = ['--prefix', folder, '--no-audit', '--no-fund', '--ignore-scripts', '--loglevel=error']
  const { code, output } = await runProgram({ command: ['npm', 'install', ...flags, ...wanted], cwd: folder })
  if (code !== 0) return output.trim().split('\n')[0] ?? 'npm install failed'
  const { resolve } = createRequire(join(folder, 'package.json'))
  try {
    return {
      dbmate: resolve(`@dbmate/${process.platform}-${process.arch}/bin/dbmate`),
      nodePgMigrate: join(folder, 'node_modules', 'node-pg-migrate', 'bin', 'node-pg-migrate.js'),
    }
  } catch {
    return `dbmate has no build for ${process.platform} ${process.arch}`
  }
}
