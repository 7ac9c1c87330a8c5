import { mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { startedIn } from '../../src/cli/directory.ts'
import { runWords as run } from '../support/run-words.ts'

test('-C runs it in another folder, wherever it stands, and several follow each other', async () => {
  const root = await mkdtemp(join(tmpdir(), 'poststack-cli-'))
  onTestFinished(() => rm(root, { recursive: true }))
  await mkdir(join(root, 'a/b'), { recursive: true })
  for (const words of [
    ['-C', join(root, 'a'), '-C', 'b', 'init'],
    ['init', '--json', `-C=${join(root, 'a/b')}`],
  ]) {
    await rm(join(root, 'a/b/poststack.config.ts'), { force: true })
    expect((await run(...words)).exitCode).toBe(0)
    expect(await readdir(join(root, 'a/b'))).toEqual(['poststack.config.ts'])
  }
  expect(await startedIn({ words: ['exec', '--', 'tar', '-C', '/nowhere'], cwd: root })).toEqual({
    words: ['exec', '--', 'tar', '-C', '/nowhere'],
    cwd: root,
  })
  for (const before of [[], ['-C', root], ['--json']]) {
    expect(await startedIn({ words: [...before, 'run', '-C', 'a', 'pack.ts', '-C', 'data'], cwd: root })).toEqual({
      words: [...before.filter((word) => word === '--json'), 'run', '--', 'pack.ts', '-C', 'data'],
      cwd: join(root, 'a'),
    })
  }
  for (const [words, said] of [
    [['-C', join(root, 'c'), 'status'], 'There is no folder'],
    [['status', '-C'], '-C is missing its folder'],
  ] as const) {
    const { exitCode, stderr } = await run(...words)
    expect(exitCode).toBe(2)
    expect(stderr).toContain(said)
  }
})

test('--config-file is --config, wherever it stands', async () => {
  const root = await mkdtemp(join(tmpdir(), 'poststack-cli-'))
  onTestFinished(() => rm(root, { recursive: true }))
  await writeFile(join(root, 'config.yaml'), 'services:\n  db: { kind: postgres, prot: 1 }\n')
  for (const words of [
    ['--config-file', 'config.yaml', 'plan'],
    ['database', 'migrate', '--config-file=config.yaml'],
    ['--config', 'config.yaml', 'db', 'migrate'],
  ]) {
    const { exitCode, stderr } = await run('-C', root, ...words)
    expect(exitCode).toBe(2)
    expect(stderr).toContain('did you mean `port`? (config.yaml:2:25)')
  }
})
