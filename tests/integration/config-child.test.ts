/** The process that evaluates a config: what it may use, and what it is believed. */
import { existsSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import type { LoadOptions } from '../../src/config/load/load.ts'
import { configProject, loadError } from '../support/config-project.ts'

async function errorOf(source: string, options: Partial<LoadOptions> = {}): Promise<string> {
  const root = await configProject({ 'package.json': '{ "type": "module" }', 'poststack.config.ts': source })
  const { code, message } = await loadError(root, options)
  return `${code} ${message}`
}

it.runIf(existsSync('/proc/self/status'))('is given so much memory, that of Buffers too', async () => {
  const error = await errorOf('const all = []\nfor (;;) all.push(Buffer.alloc(2e7, 1))\nexport default all')
  expect(error).toBe('CONFIG_FAILED poststack.config.ts: the config needed more than 1024 MB of memory and was stopped')
})

describe('what a config writes where its process tells the result', () => {
  const writing = "import { writeSync } from 'node:fs'\nwriteSync("

  it.each(['x\\n', 'x', 'null\\n', '{"kind":"threw"}\\n'])('%s beside it', async (said) => {
    const told = 'the config wrote to file descriptor 3, on which its process tells the result'
    const error = await errorOf(`${writing}3, '${said}')\nexport default { services: {} }`)
    expect(error).toBe(`CONFIG_FAILED poststack.config.ts: ${told}`)
  })

  it('is not taken for what tsx has made of a file', async () => {
    const error = await errorOf(`${writing}4, 'null\\n{}\\n')\nfor (;;) {}`, { timeoutMs: 700 })
    expect(error).toContain('CONFIG_TIMEOUT')
  })
})
