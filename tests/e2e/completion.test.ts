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
      export default defineConfig({ services: { db: postgres({ migrations: './migrations' }), 'db-2': postgres({ port: 1 }), web: container({ image: 'x' }) } })\n`,
    'broken/poststack.config.ts': 'throw new Error()\n',
    'migrations/001_a.sql': 'SELECT 1',
    'migrations/002_b.sql': 'SELECT 1',
    'migrations/002_b.rollback.sql': 'SELECT 1',
    'backups/shop.dump': '',
    'backups/shop.dump.json': '',
    'logs/poststack.log':
      '{"time":"2026-01-02T00:00:00.000Z","level":"info","run":"ab12","command":"up","category":"main","event":"outcome"}\n',
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
  { words: ['container', 'exec', 'w'], proposals: ['web'] },
  { words: ['container', 'shell', 'w'], proposals: ['web'] },
  { words: ['up', '--runtime', 'p'], proposals: ['podman'] },
  { words: ['--runtime', 'p'], proposals: ['podman'] },
  { words: ['db', 'migrate', '--target-version', ''], proposals: ['001', '002'] },
  { words: ['db', 'rollback', '--service', 'db', '--target-version', ''], proposals: ['001', '002'] },
  { words: ['db', 'restore', ''], proposals: ['shop.dump'] },
  { words: ['logs', 'show', '--run', 'a'], proposals: ['ab12'] },
  // Commands and flags are known without a config.
  { folder: 'broken', words: ['container', 'stop', '--prof'], proposals: ['--profile'] },
]

/** Where nothing is proposed, shells complete files. */
const fileCases: readonly Case[] = [
  { words: ['container', 'exec', 'db', '--', 'bi'], proposals: ['bin/'] },
  { words: ['db', 'restore', './mig'], proposals: ['./migrations/'] },
]

/** Of these bash makes words of its own. */
const joined: readonly Case[] = [
  { words: ['up', '--runtime=p'], proposals: ['--runtime=podman'] },
  { words: ['db', 'migrate', '--service=d'], proposals: ['--service=db', '--service=db-2'] },
  { words: ['up', '--runtime=podman', 'w'], proposals: ['web'] },
]

const joinedInBash: readonly Case[] = [
  { words: ['up', '--runtime', '=', 'p'], proposals: ['podman'] },
  { words: ['up', '--runtime', '='], proposals: ['auto', 'podman', 'docker', 'native'] },
  { words: ['up', '--runtime', '=', 'podman', 'w'], proposals: ['web'] },
]

test.each([...cases, ...joinedInBash, ...fileCases.map(({ words }) => ({ words, proposals: [], folder: '.' }))])(
  'bash must complete $words',
  async ({ words, proposals, folder }) => {
    const line = words.map((word) => `'${word}'`).join(' ')
    const asking = `COMP_WORDS=(poststack ${line}) COMP_CWORD=${String(words.length)}; _poststack; printf '%s\\n' "\${COMPREPLY[@]}"`
    expect(await askShell('bash', ['-c', `${await scriptFor('bash')}\n${asking}`], folder)).toEqual(proposals)
  },
)

test('with a config that is broken, bash must propose no service, and say nothing', async () => {
  const asking = `COMP_WORDS=(poststack container stop '') COMP_CWORD=3; _poststack; printf '%s\\n' "\${COMPREPLY[@]}"`
  expect(await askShell('bash', ['-c', `${await scriptFor('bash')}\n${asking}`], 'broken')).not.toContain('db')
})

test.for([...cases, ...joined, ...fileCases])(
  'fish must complete $words',
  async ({ words, proposals, folder }, context) => {
    await needShell('fish', context)
    const asking = `complete -C 'poststack ${words.join(' ')}'`
    const found = await askShell('fish', ['--no-config', '-c', `${await scriptFor('fish')}\n${asking}`], folder)
    expect(found.map((proposal) => proposal.split('\t')[0])).toEqual(proposals)
  },
)

// Its completion works in an editor only, so there is one: a zsh on a terminal that another zsh types into.
test.for([
  { typed: 'pl', completed: 'plan' },
  { typed: 'up w', completed: 'up web' },
  { typed: 'up --runtime=p', completed: 'up --runtime=podman' },
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
