/** One line of JSON on a pipe that may be full, for a process that may end right after it. */
import fs from 'node:fs'

/** Not what stands in its place while a config runs. */
const { writeSync } = fs

export function writeLine(descriptor: number, line: unknown): void {
  const bytes = Buffer.from(`${JSON.stringify(line)}\n`)
  for (let offset = 0; offset < bytes.length;) {
    try {
      offset += writeSync(descriptor, bytes, offset)
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EAGAIN') throw error
    }
  }
}
