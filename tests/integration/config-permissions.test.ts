import { existsSync } from 'node:fs'
import { symlink, writeFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import { isBuiltin } from 'node:module'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import type { AddressInfo } from 'node:net'
import { describe, expect, it, onTestFinished } from 'vitest'
import { whyNoGrant } from '../../src/config/permissions.ts'
import { configProject, load, loadError, processesNaming } from '../support/config-project.ts'

const esm = { 'package.json': '{ "type": "module" }' }
const reads = "import { readFileSync } from 'node:fs'\nconst name = readFileSync('/etc/hostname', 'utf8') && 'shop'"
const starts = "import { execSync } from 'node:child_process'\nconst name = execSync('echo shop').toString().trim()"
const end = '\nexport default { name, services: {} }'
const shop = { name: 'shop', services: {} }

function manifest(permissions: unknown): string {
  return JSON.stringify({ type: 'module', poststack: { permissions } }, undefined, 2)
}

describe('what a guarded config may not do', () => {
  const onlyAll = 'run the command with --allow-all (-A)'
  it.each([
    [
      'read outside',
      reads,
      'may not read /etc/hostname (it lacks `--allow-read=/etc/hostname`)',
      'If it may, add --allow-read=/etc/hostname to the command\nFor every run, add to package.json: "poststack": { "permissions": { "read": ["/etc/hostname"] } }',
    ],
    [
      'send signals',
      'const name = process.kill(process.pid, 0)\nprocess.kill(process.ppid, 0)',
      'may not send signals to other processes (it lacks `--allow-run`)',
      '"permissions": { "run": true }',
    ],
    ['start programs', starts, '(it lacks `--allow-run`)', '"permissions": { "run": true }'],
    [
      'write',
      "import { writeFileSync } from 'node:fs'\nwriteFileSync(import.meta.dirname + '/x', ''); const name = 'x'",
      'may not write x (it lacks `--allow-all`)',
      onlyAll,
    ],
    [
      'start workers',
      "import { Worker } from 'node:worker_threads'\nconst name = new Worker('1', { eval: true, execArgv: [] })",
      'may not start a worker (it lacks `--allow-all`)',
      onlyAll,
    ],
  ])('%s', async (_, source, message, hint) => {
    const root = await configProject({ ...esm, 'poststack.config.ts': source + end })
    const error = await loadError(root)
    expect(error.code).toBe('CONFIG_DENIED')
    expect(error.message).toMatch(/^poststack\.config\.ts:2:\d+: the config /)
    expect(error.message).toContain(message)
    expect(error.message).toContain('> 2 | ')
    expect(error.hint).toContain(hint)
  })

  const outside = join(tmpdir(), `poststack-outside-${String(process.pid)}`)
  const tools = `const module = (name) => process.getBuiltinModule(name)\nconst outside = '${outside}'\nconst name = `
  it.each([
    ['the inspector of another process', 'process._debugProcess(process.ppid)', 'open the inspector', '-A'],
    ['the inspector of its own', 'process._debugEnd()', 'open the inspector', '-A'],
    ['signals below process.kill', 'process._kill(process.ppid, 0)', 'send signals to other processes', '--allow-run'],
    ['an imported kill', "(await import('node:process')).kill(process.ppid, 0)", 'send signals', '--allow-run'],
    ['another priority', "module('os').setPriority(process.ppid, 19)", 'change the priority of other', '--allow-run'],
    ["Node's insides", "process.binding('fs')", 'use process.binding', '-A'],
    ['bindings', "process._linkedBinding('fs')", 'use process._linkedBinding', '-A'],
    ['trace events', "module('trace_events').createTracing({ categories: ['node'] }).enable()", 'use node:trace', '-A'],
    ['flags of V8', "module('v8').setFlagsFromString('--trace-turbo')", 'use v8.setFlagsFromString', '-A'],
    ['heaps in files', "module('v8').setHeapSnapshotNearHeapLimit(1)", 'use v8.setHeapSnapshotNearHeapLimit', '-A'],
    ['a socket file', "module('net').createServer().listen(outside)", `write ../${basename(outside)}`, '-A'],
    [
      'a socket file for HTTP',
      "module('http').createServer().listen({ path: outside })",
      `write ../${basename(outside)}`,
      '-A',
    ],
    [
      'a socket file the old way',
      "module('net').createServer()._listen2(outside, -1, -1)",
      `write ../${basename(outside)}`,
      '-A',
    ],
    ...(isBuiltin('node:sqlite')
      ? [
          ['SQLite', "new (await import('node:sqlite')).DatabaseSync(outside)", 'use node:sqlite', '-A'],
          ['SQLite unasked', "new (module('node:sqlite').DatabaseSync)(outside)", 'use node:sqlite', '-A'],
          [
            'SQLite by require',
            "new (module('module').createRequire(import.meta.url)('node:sqlite').DatabaseSync)(outside)",
            'use node:sqlite',
            '-A',
          ],
        ]
      : []),
  ])('%s, which Node lets through', async (_, code, what, grant) => {
    const root = await configProject({ ...esm, 'poststack.config.ts': tools + code + end })
    const error = await loadError(root)
    expect(error.code).toBe('CONFIG_DENIED')
    expect(error.message).toMatch(/^poststack\.config\.ts:3:\d+: the config may not /)
    expect(error.message).toContain(what)
    expect(error.hint).toContain(grant)
    expect(existsSync(outside)).toBe(false)
  })

  it('may signal itself, set its own priority, and listen on ports', async () => {
    const source =
      "import { createServer } from 'node:net'\nimport { setPriority } from 'node:os'\nprocess.kill(process.pid, 0)\nsetPriority(process.pid, 1)\nsetPriority(1)\nfor (const at of [0, { port: 0, host: '127.0.0.1' }]) await new Promise((done, fail) => createServer().on('error', fail).listen(at, done))\nconst name = 'shop'"
    const root = await configProject({ ...esm, 'poststack.config.ts': source + end })
    expect((await load(root)).plain).toEqual(shop)
  })

  it.each([
    ['text', 'x.txt', "import x from '../x.txt' with { type: 'text' }"],
    ['data', 'x.json', "import x from '../x.json'"],
    ['code', 'x.ts', "import { x } from '../x.ts'"],
    ['code that is imported when it runs', 'x.ts', "const { x } = await import('../x.ts')"],
    ['what tsconfig.json maps a name to', 'x.ts', "import { x } from 'mapped'"],
  ])('import %s from outside, which a bundle would hold unasked', async (_, file, source) => {
    const project = await configProject({
      'x.txt': 'a',
      'x.json': '"a"',
      'x.ts': "export const x = 'a'",
      'app/package.json': '{ "type": "module" }',
      'app/tsconfig.json': '{ "compilerOptions": { "paths": { "mapped": ["../x.ts"] } } }',
      'app/base.ts': `${source}\nexport const name = 'shop'\nvoid x`,
      'app/poststack.config.ts': "import { name } from './base.ts'\nexport default { name, services: {} }",
    })
    const root = join(project, 'app')
    const error = await loadError(root)
    expect(error).toMatchObject({ code: 'CONFIG_DENIED', details: { grant: `--allow-read=${join(project, file)}` } })
    expect(error.message).toMatch(/^base\.ts:1:\d+: the config may not read \.\.\/x\.\w+ \(/)
    expect((await load(root, { permissions: { read: ['..'] } })).plain).toEqual(shop)
    if (file !== 'x.txt') expect((await load(root, { trusted: true })).plain).toEqual(shop)
  })

  it('imports a package of the workspace, which lies outside, with what that imports within itself', async () => {
    const project = await configProject({
      'preset/package.json': '{ "name": "@team/preset", "type": "module" }',
      'preset/index.ts': "export { name } from './lib/name.ts'",
      'preset/lib/name.ts': "export const name = 'shop'",
      'app/package.json': '{ "type": "module" }',
      'app/node_modules/@team/.keep': '',
      'app/poststack.config.ts': "import { name } from '@team/preset/index.ts'\nexport default { name, services: {} }",
    })
    const root = join(project, 'app')
    await symlink(join(project, 'preset'), join(root, 'node_modules/@team/preset'))
    expect((await load(root)).plain).toEqual(shop)
  })

  it.each(['./x1.ts', 'gone-1'])('import %s by a name that it computes', async (name) => {
    const source = `const at = ['${name}'].join('')\nawait import(at)\nexport default { services: {} }`
    const error = await loadError(await configProject({ ...esm, 'poststack.config.ts': source, 'x1.ts': '' }))
    expect(error.message).toContain(`the config imports "${name}" by a name that it computes, and a guarded config can`)
    expect(error.hint).toContain('--allow-all')
  })

  it('may all of it when it is trusted, by flag or in package.json', async () => {
    const root = await configProject({ ...esm, 'poststack.config.ts': starts + end })
    expect((await load(root, { trusted: true })).plain).toEqual(shop)
    await writeFile(join(root, 'package.json'), manifest({ all: true }))
    expect((await load(root)).plain).toEqual(shop)
  })

  it('ends what a trusted config left running', async () => {
    const source =
      "import { spawn } from 'node:child_process'\nspawn('sleep', ['61.25'])\nexport default { services: {} }"
    const root = await configProject({ ...esm, 'poststack.config.ts': source })
    await load(root, { trusted: true })
    expect(processesNaming('61.25')).toEqual([])
  })

  it('reads what a link in the project leads to, as docs/config.md admits', async () => {
    const source = reads.replace('/etc/hostname', './link') + end
    const root = await configProject({ ...esm, 'poststack.config.ts': source })
    await symlink('/etc/hostname', join(root, 'link'))
    expect((await load(root)).plain).toEqual(shop)
  })
})

describe('what is granted to a guarded config', () => {
  it.each([
    ['a file', reads, { read: ['/etc/hostname'] }],
    ['the folder around it', reads, { read: ['/etc'] }],
    ['every file', reads, { read: true }],
    ['programs', starts, { run: true }],
  ] as const)('%s, by flag or in package.json', async (_, source, permissions) => {
    const root = await configProject({ ...esm, 'poststack.config.ts': source + end })
    expect((await load(root, { permissions })).plain).toEqual(shop)
    await writeFile(join(root, 'package.json'), manifest(permissions))
    expect((await load(root)).plain).toEqual(shop)
  })

  it('paths are relative to the working directory, or to package.json', async () => {
    const source = reads.replace('/etc/hostname', '../shared/name') + end
    const outer = await configProject({ 'shared/name': 'x', 'app/poststack.config.ts': source, 'app/in/x': '' })
    const root = join(outer, 'app')
    await writeFile(join(root, 'package.json'), manifest({}))
    expect((await loadError(join(root, 'in'))).hint).toContain('"read": ["../shared/name"]')
    expect((await load(join(root, 'in'), { permissions: { read: ['../../shared'] } })).plain).toEqual(shop)
    await writeFile(join(root, 'package.json'), manifest({ read: ['../shared'] }))
    expect((await load(join(root, 'in'))).plain).toEqual(shop)
  })

  it('of the environment only what is named, in process.env and in the argument, where names are given', async () => {
    const source =
      "const { A, C } = process.env\nconst all = { ...process.env }\nexport default ({ env }) => ({ name: `${A}-${C}-${'B' in env}-${'B' in all}`, services: env.ASK ? env.B : {} })"
    const root = await configProject({ ...esm, 'poststack.config.ts': source })
    const env = { A: 'a', B: 'secret' }
    expect((await load(root, { env })).plain).toMatchObject({ name: 'a-undefined-true-true' })
    expect((await load(root, { env, permissions: { env: true } })).plain).toMatchObject({
      name: 'a-undefined-true-true',
    })
    expect((await load(root, { env, permissions: { env: ['A'] } })).plain).toMatchObject({
      name: 'a-undefined-false-false',
    })
    const error = await loadError(root, { env: { ...env, ASK: '1' }, permissions: { env: ['A', 'ASK'] } })
    expect(error).toMatchObject({ code: 'CONFIG_DENIED', details: { line: 3, grant: '--allow-env=B' } })
    expect(error.message).toContain('may not read the environment variable B (it lacks `--allow-env=B`)')
    expect(JSON.stringify(error)).not.toContain('secret')
  })

  it('the hosts that are named, and no others', async () => {
    const server = createServer((_, response) => response.end('shop'))
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    onTestFinished(() => void server.close())
    const url = `127.0.0.1:${String((server.address() as AddressInfo).port)}`
    const source = `const answer = await fetch('http://${url}')\nexport default { name: await answer.text(), services: {} }`
    const root = await configProject({ ...esm, 'poststack.config.ts': source })
    for (const net of [true, [url], ['127.0.0.1']] as const)
      expect((await load(root, { permissions: { net } })).plain).toEqual(shop)
    const error = await loadError(root, { permissions: { net: ['localhost'] } })
    expect(error).toMatchObject({ code: 'CONFIG_DENIED', details: { line: 1, grant: `--allow-net=${url}` } })
    // Before version 25 Node has no permission for the network, and docs/config.md says so.
    if (Number(process.versions.node.split('.')[0]) >= 25)
      expect(await loadError(root)).toMatchObject({ code: 'CONFIG_DENIED' })
    else expect((await load(root)).plain).toEqual(shop)
  })

  it.each([
    ["'/tmp/poststack-No.sock'", '/tmp/poststack-No.sock'],
    ["1, '::1'", '[::1]:1'],
    ["{ port: 1, host: 'LOCALHOST' }", 'localhost:1'],
    ['1', 'localhost:1'],
  ])('and of connect(%s) exactly what the denial names', async (words, grant) => {
    const source = `import { connect } from 'node:net'\nawait new Promise((_, fail) => connect(${words}).on('error', fail))`
    const root = await configProject({ ...esm, 'poststack.config.ts': source })
    const error = await loadError(root, { permissions: { net: [] } })
    expect(error).toMatchObject({ code: 'CONFIG_DENIED', details: { line: 2, grant: `--allow-net=${grant}` } })
    expect(whyNoGrant('net', grant)).toBe(undefined)
    const granted = await loadError(root, { permissions: { net: [grant] } })
    expect(granted.message).toMatch(/threw Error: connect E(?:CONNREFUSED|NOENT|ADDRNOTAVAIL|AFNOSUPPORT)/)
  })

  it('mistakes in package.json are told at once, with their lines', async () => {
    const permissions = {
      raed: true,
      read: '/etc',
      run: 'git',
      env: ['A=1', 5],
      net: ['http://x', 'a.example:80', '::1'],
    }
    const root = await configProject({ 'package.json': manifest(permissions), 'poststack.config.ts': reads + end })
    expect((await loadError(root)).message.replaceAll(root, '')).toMatchInlineSnapshot(`
      "package.json has 7 mistakes:
        - poststack.permissions.raed: unknown key: did you mean \`read\`? (package.json:5)
        - poststack.permissions.read: expected true or a list of texts, found "/etc" (package.json:6)
        - poststack.permissions.run: expected true or false, found "git" (package.json:7)
        - poststack.permissions.env[0]: expected the name of a variable, without its value, found "A=1"
        - poststack.permissions.env[1]: expected a text, found 5
        - poststack.permissions.net[0]: expected a host, or a host and its port, as in \`db.example.org:5432\`, found "http://x"
        - poststack.permissions.net[2]: expected a host, or a host and its port, as in \`db.example.org:5432\`, found "::1""
    `)
    await writeFile(join(root, 'package.json'), '{ "poststack": { "permission": {} } }')
    expect((await loadError(root)).message).toContain('poststack.permission: unknown key: did you mean `permissions`?')
  })
})
