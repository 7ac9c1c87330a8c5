/**
 * What a shell completes with the script that is printed for it: each of the shells themselves is asked.
 */
import { execFile } from 'node:child_process'
import { chmod, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { beforeEach, expect, test, type TestContext } from 'vitest'
import { cleanEnvironment, cliFile, runCli } from '../support/cli.ts'
import { configProject } from '../support/config-project.ts'

const execute = promisify(execFile)

let root: string

beforeEach(async () => {
  root = await configProject({
    'poststack.config.ts': `import { container, defineConfig, postgres } from 'poststack'
      console.log('said by the config')
      export default defineConfig({ services: { db: postgres(), 'db-2': postgres({ port: 1 }), web: container({ image: 'x' }) } })\n`,
    'broken/poststack.config.ts': 'throw new Error()\n',
    'bin/poststack': `#!/bin/sh\nexec '${process.execPath}' '${cliFile}' "$@"\n`,
  })
  await chmod(join(root, 'bin/poststack'), 0o755)
})

/** Runs a program of the shell's in the folder, and gives the lines it prints. */
async function askShell(shell: string, args: readonly string[], folder = '.'): Promise<readonly string[]> {
  const PATH = `${join(root, 'bin')}:${process.env['PATH'] ?? ''}`
  const env = cleanEnvironment({ PATH, HOME: root })
  const { stdout, stderr } = await execute(shell, args, { cwd: join(root, folder), env })
  expect(stderr).toBe('')
  return stdout.split('\n').filter((line) => line !== '')
}

async function scriptFor(shell: string): Promise<string> {
  return (await runCli(['completion', shell], { cwd: root })).stdout
}

async function needShell(shell: string, context: TestContext): Promise<void> {
  const found = await execute(shell, ['-c', 'true']).catch(() => undefined)
  if (found === undefined) context.skip(`${shell}: it is not installed (tests/support/prepare-engines.sh does it)`)
}

interface Case {
  readonly folder?: string
  /** What stands behind `poststack`; the last is to be completed. */
  readonly words: readonly string[]
  readonly proposals: readonly string[]
}

const cases: readonly Case[] = [
  { words: ['pl'], proposals: ['plan'] },
  { words: ['up', ''], proposals: ['db', 'db-2', 'web'] },
  { words: ['db', 'migrate', '--service', 'd'], proposals: ['db', 'db-2'] },
  { words: ['completion', 'f'], proposals: ['fish'] },
  // Commands and flags are known without a config.
  { folder: 'broken', words: ['container', 'stop', '--prof'], proposals: ['--profile'] },
]

test.each(cases)('bash must complete $words', async ({ words, proposals, folder }) => {
  const line = words.map((word) => `'${word}'`).join(' ')
  const asking = `COMP_WORDS=(poststack ${line}) COMP_CWORD=${String(words.length)}; _poststack; printf '%s\\n' "\${COMPREPLY[@]}"`
  expect(await askShell('bash', ['-c', `${await scriptFor('bash')}\n${asking}`], folder)).toEqual(proposals)
})

test('with a config that is broken, bash must propose no service, and say nothing', async () => {
  const asking = `COMP_WORDS=(poststack container stop '') COMP_CWORD=3; _poststack; printf '%s\\n' "\${COMPREPLY[@]}"`
  expect(await askShell('bash', ['-c', `${await scriptFor('bash')}\n${asking}`], 'broken')).not.toContain('db')
})

test.for(cases)('fish must complete $words', async ({ words, proposals, folder }, context) => {
  await needShell('fish', context)
  const asking = `complete -C 'poststack ${words.join(' ')}'`
  const found = await askShell('fish', ['--no-config', '-c', `${await scriptFor('fish')}\n${asking}`], folder)
  expect(found.map((proposal) => proposal.split('\t')[0])).toEqual(proposals)
})

// Its completion works in an editor only, so there is one: a zsh on a terminal that another zsh types into.
test.for([
  { typed: 'pl', completed: 'plan' },
  { typed: 'up w', completed: 'up web' },
  { typed: 'container stop --prof', completed: 'container stop --profile' },
])('zsh must complete $typed', async ({ typed, completed }, context) => {
  await needShell('zsh', context)
  await writeFile(join(root, 'bin/_poststack'), await scriptFor('zsh'))
  const typist = `
zmodload zsh/zpty
zpty inner zsh -f -i
zpty -w inner 'PS1=; fpath+=(./bin); autoload -Uz compinit; compinit -u -D; bindkey "^I" complete-word; echo READ""Y'
zpty -r inner said '*READY*'
zpty -w -n inner $'poststack ${typed}\\t'
zpty -r inner said '*poststack ${completed}*'
zpty -d inner
echo completed`
  expect(await askShell('zsh', ['-f', '-c', typist])).toEqual(['completed'])
})
