/**
 * Podman of an ordinary user: the program as that user, and what there is looked at with the user's own podman.
 */
import { execFile } from 'node:child_process'
import { chmod, mkdir, mkdtemp, realpath, rm, writeFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { expect, onTestFinished, test } from 'vitest'
import { cliFile } from '../support/cli.ts'
import { runtimesUnderTest } from '../support/runtimes.ts'
import { debianImage, itemsMigration } from '../support/services.ts'

const execute = promisify(execFile)
// Made by prepare-engines.sh, with the images of the tests.
const user = 'poststack-tests'
const postgresImage = 'docker.io/library/postgres:17'

/** Runs a program in a folder as the user's own login would. */
async function asUser(cwd: string, ...words: readonly string[]): Promise<string> {
  const { stdout } = await execute('getent', ['passwd', user])
  const home = stdout.split(':')[5] ?? '/'
  const env = [`HOME=${home}`, `USER=${user}`, `LOGNAME=${user}`, `PATH=${process.env['PATH'] ?? ''}`]
  const run = execute('runuser', ['-u', user, '--', 'env', '-i', ...env, ...words], { cwd })
  const ended = await run.catch((error: { stdout?: string; stderr?: string }) => {
    throw new Error(`${words.join(' ')}:\n${error.stderr ?? ''}${error.stdout ?? ''}`)
  })
  return ended.stdout
}

const podmanMissing = (await runtimesUnderTest()).find(({ name }) => name === 'podman')?.missing
const lacking =
  podmanMissing ??
  (await asUser('/', 'podman', 'image', 'exists', postgresImage).then(
    () => undefined,
    () => `no user ${user} who runs podman (tests/support/prepare-engines.sh makes one)`,
  ))

/**
 * Writes into a volume, asks this machine once, and answers over HTTP with what it said. Once: as a container of the network
 * stops, the bridge of podman 4.3 takes another MAC, and the others have lost the way out until their ARP entry ends, up to a minute.
 */
const program =
  '$SIG{TERM} = sub { exit 0 }; open(my $f, ">", "/files/written") or die; ' +
  'my $there = IO::Socket::INET->new(PeerAddr => "up", PeerPort => $ENV{MACHINE}, Timeout => 5); my $said = $there ? <$there> : "nobody"; ' +
  'my $s = IO::Socket::INET->new(LocalPort => 8000, Listen => 9, ReuseAddr => 1) or die; ' +
  'while (my $c = $s->accept) { my $l = <$c>; print $c "HTTP/1.0 200 OK\\r\\n\\r\\n", $said }'

function config(machinePort: number): string {
  return `import { container, defineConfig, postgres } from 'poststack'
const db = postgres({ image: '${postgresImage}', port: 'auto', migrations: './migrations' })
const web = container({
  build: {},
  command: ['perl', '-MIO::Socket::INET', '-e', ${JSON.stringify(program)}],
  env: { DATABASE_URL: db.url, MACHINE: '${String(machinePort)}' },
  user: '1000:1000',
  extraHosts: { up: 'host-gateway' },
  ports: { http: { container: 8000, host: 'auto' } },
  ready: { http: 'http', body: '^hello from the machine$' },
  volumes: [{ volume: 'files', target: '/files' }, { bind: './site', target: '/site', readOnly: true }],
  readyTimeoutSeconds: 20,
})
export default defineConfig({ name: 'rootless', runtime: 'podman', services: { db, web } })
`
}

test.skipIf(lacking !== undefined)(
  `podman, rootless: a stack of an ordinary user must come up, reach this machine, and go without a trace${lacking === undefined ? '' : `: ${lacking}`}`,
  { timeout: 180_000 },
  async () => {
    const root = await realpath(await mkdtemp(join(tmpdir(), 'poststack-rootless-')))
    const poststack = (...words: readonly string[]) => asUser(root, process.execPath, cliFile, ...words)
    const podman = (...words: readonly string[]) => asUser(root, 'podman', ...words)
    onTestFinished(async () => {
      await poststack('down', '--volumes', '--yes').catch(() => undefined)
      await podman('rmi', '-f', 'localhost/rootless/web:latest').catch(() => undefined)
      await rm(root, { recursive: true, force: true })
    })
    // On every address of the machine, as the one on the loopback is another one in there.
    const machine = createServer((socket) => socket.end('hello from the machine'))
    onTestFinished(() => void machine.close())
    await new Promise<void>((resolve) => {
      machine.listen(0, '0.0.0.0', resolve)
    })
    const files = {
      ...itemsMigration,
      'poststack.config.ts': config((machine.address() as AddressInfo).port),
      'site/index.html': 'hello\n',
      'containers/web/Dockerfile': `FROM ${debianImage}\nRUN mkdir /files && chown 1000:1000 /files\n`,
    }
    for (const folder of ['migrations', 'site', 'containers/web']) await mkdir(join(root, folder), { recursive: true })
    for (const [path, text] of Object.entries(files)) await writeFile(join(root, path), text)
    await chmod(root, 0o755)
    await execute('chown', ['-R', `${user}:`, root])

    await poststack('up')
    const [owner, site] = await Promise.all([
      podman('exec', 'rootless-web', 'stat', '-c', '%u %n', '/files/written'),
      podman('exec', 'rootless-web', 'cat', '/site/index.html'),
    ])
    expect([owner, site]).toEqual(['1000 /files/written\n', 'hello\n'])
    expect(await podman('exec', 'rootless-db', 'stat', '-c', '%U', '/var/lib/postgresql/data/PG_VERSION')).toBe(
      'postgres\n',
    )
    expect(await poststack('db', 'query', 'SELECT body FROM items', '--json')).toContain('"first"')
    expect(await poststack('up')).toContain('nothing to do')
    expect(await poststack('container', 'health')).toContain('all services are well')
    await poststack('container', 'restart', 'db')
    expect(await poststack('up')).toContain('is as declared')

    await poststack('down', '--volumes', '--yes')
    const mine = ['--filter', 'label=dev.poststack.stack=rootless', '--quiet']
    for (const list of [
      ['ps', '--all'],
      ['volume', 'ls'],
      ['network', 'ls'],
    ])
      expect(await podman(...list, ...mine)).toBe('')
  },
)
