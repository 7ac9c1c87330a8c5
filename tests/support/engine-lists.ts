import { execFile } from 'node:child_process'
import { promisify } from 'node:util'

const run = promisify(execFile)

/** The lines of a list of an engine's own program. Podman's lists fail as a whole when another test removes something meanwhile. */
export async function engineList(program: string, list: readonly string[]): Promise<readonly string[]> {
  for (let left = 4; ; left--) {
    try {
      const { stdout } = await run(program, list, { maxBuffer: 64 * 1024 * 1024 })
      return stdout.split('\n').filter((line) => line !== '')
    } catch (error) {
      if (left === 0 || !/no such|not known|does not exist/.test(String(error))) throw error
    }
  }
}
