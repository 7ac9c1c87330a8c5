/**
 * What a shell completes, as bash does it with the script that is printed.
 */
import { execFile } from 'node:child_process'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { expect, test } from 'vitest'
import { cleanEnvironment, cliFile, runCli } from '../support/cli.ts'
import { configProject } from '../support/config-project.ts'

test('bash must complete commands, and services of the config, and write nothing', async () => {
  const root = await configProject({
    'poststack.config.ts': `import { container, defineConfig, postgres } from 'poststack'
      console.log('said by the config')
      export default defineConfig({ services: { db: postgres(), 'db-2': postgres({ port: 1 }), web: container({ image: 'x' }) } })\n`,
    'broken/poststack.config.ts': 'throw new Error()\n',
  })
  const { stdout: script } = await runCli(['completion', 'bash'], { cwd: root })
  const complete = async (folder: string, ...words: readonly string[]): Promise<readonly string[]> => {
    const line = words.map((word) => `'${word}'`).join(' ')
    const asking = `COMP_WORDS=(poststack ${line}) COMP_CWORD=${String(words.length)}; _poststack; printf '%s\\n' "\${COMPREPLY[@]}"`
    const program = `poststack() { '${process.execPath}' '${cliFile}' "$@"; }\n${script}\n${asking}`
    const { stdout, stderr } = await promisify(execFile)('bash', ['-c', program], {
      cwd: join(root, folder),
      env: cleanEnvironment(),
    })
    expect(stderr).toBe('')
    return stdout.split('\n').filter((proposal) => proposal !== '')
  }
  expect(await complete('.', 'pl')).toEqual(['plan'])
  expect(await complete('.', 'up', '')).toEqual(['db', 'db-2', 'web'])
  expect(await complete('.', 'db', 'migrate', '--service', 'd')).toEqual(['db', 'db-2'])
  expect(await complete('broken', 'container', 'stop', '')).not.toContain('db')
})
