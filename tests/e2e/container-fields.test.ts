/**
 * What a container may declare, as the engines carry it out: one stack for all fields, looked at with the engines' own programs.
 */
import { execFile } from 'node:child_process'
import { readFile, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { probeOnce } from '../../src/execute/probes.ts'
import { createMemoryRuntime } from '../support/memory-runtime.ts'
import { tempProject, type Project } from '../support/project.ts'
import { freePort } from '../support/ports.ts'
import { debianImage } from '../support/services.ts'
import { realRuntimes } from '../support/world.ts'

const execute = promisify(execFile)

/** Answers over HTTP and says by its exit what asked it to end. */
const server = [
  'use IO::Socket::INET; $| = 1;',
  '$SIG{QUIT} = sub { print "asked to quit\\n"; exit 0 };',
  'my $s = IO::Socket::INET->new(LocalPort => 8000, Listen => 9, ReuseAddr => 1) or die;',
  'print "listening\\n";',
  'while (my $c = $s->accept) { my $l = <$c>; print $c "HTTP/1.0 200 OK\\r\\n\\r\\nstate: up\\n"; close $c }',
].join(' ')

/** It copies the whole project, into which the output of builds is written. */
function containerfile(command: string): string {
  return `FROM ${debianImage}\nARG GREETING\nCOPY . /project\nRUN echo "$GREETING" > /greeting && ${command}\n`
}

interface Values {
  readonly memory: string
  readonly mode: string
  readonly label: string
  /** Processors of the peer. */
  readonly cpus?: number
}

/** The second one is published, and nothing listens behind it. */
type Ports = readonly [number, number]

function services([port, closedPort]: Ports, { cpus, memory, label }: Values): Readonly<Record<string, string>> {
  return {
    web: `container({
      image: '${debianImage}',
      entrypoint: ['perl'],
      command: ['-e', ${JSON.stringify(server)}],
      env: { FROM_CONFIG: 'config' },
      envFile: ['./base.env', './local.env'],
      ports: { http: { container: 8000, host: ${String(port)}, hostAddress: '0.0.0.0' }, dns: { container: 5353, host: ${String(port)}, protocol: 'udp' }, closed: { container: 8001, host: ${String(closedPort)} } },
      volumes: [
        { volume: 'files', target: '/files' },
        { bind: './site', target: '/site', readOnly: true },
        { tmpfs: '2MB', target: '/scratch' },
      ],
      workdir: '/site',
      user: '1000:1000',
      labels: { team: '${label}' },
      aliases: ['www'],
      memory: '${memory}',
      cpus: 0.5,
      shmSize: '8MB',
      init: true,
      stopSignal: 'SIGQUIT',
      stopGraceSeconds: 5,
      restart: 'on-failure',
      capAdd: ['NET_ADMIN'],
      capDrop: ['CHOWN'],
      extraHosts: { 'ns.example': '192.0.2.1', up: 'host-gateway' },
      healthcheck: { command: ['test', '-d', '/files'], intervalSeconds: 7, retries: 2 },
      ready: { http: 'http', status: 200, body: '^state: up$|^state: up' },
    })`,
    peer: `container({
      build: { args: { GREETING: 'built' }, cache: true },
      command: ['perl', '-MIO::Socket::INET', '-e', '$| = 1; print IO::Socket::INET->new("www:8000") ? "reached\\n" : "not reached\\n"; sleep 600'],
      dependsOn: ['web'],
      cpus: ${String(cpus)},
      healthcheck: { command: ['true'] },
      ready: { log: '^reached' },
      stopGraceSeconds: 0,
      readyTimeoutSeconds: 20,
    })`,
    own: 'container({ build: {}, stopGraceSeconds: 0, readyTimeoutSeconds: 3 })',
  }
}

const nothingElse = {
  target: undefined,
  runtime: createMemoryRuntime(),
  probeDatabase: () => expect.unreachable('no database is asked'),
  signal: new AbortController().signal,
}

describe.each((await realRuntimes()).filter(({ name }) => name !== 'native'))(
  '$title',
  ({ name: runtime, missing }) => {
    let project: Project
    let port: number
    let closedPort: number
    const before: Values = { memory: '64MB', mode: 'one', label: 'red' }
    const after: Values = { memory: '96MB', mode: 'two', label: 'blue' }

    async function declare(values: Values): Promise<void> {
      await project.write({
        'base.env': '# shared\nMODE=base\nQUOTED="two words"\n',
        'local.env': `MODE=${values.mode}\nFROM_CONFIG=file\nAPI_TOKEN=tok-${values.mode}-0123\n`,
        'site/index.html': 'hello\n',
        '.dockerignore': '*.env\n*.ts\n',
        'containers/peer/Containerfile': containerfile('cat /project/site/index.html'),
        'containers/own/Dockerfile': `FROM ${debianImage}\nHEALTHCHECK CMD echo looked; test ! -e /ill\nCMD ["sleep", "600"]\n`,
      })
      await project.declare(services([port, closedPort], values))
    }
    const engine = async (...args: readonly string[]): Promise<string> => {
      const { stdout } = await execute(runtime, args)
      return stdout.trim()
    }
    const inside = (...command: readonly string[]): Promise<string> =>
      engine('exec', `${project.stack}-web`, ...command)

    beforeAll(async () => {
      if (missing !== undefined) return
      project = await tempProject({ runtime, shared: true })
      port = await freePort()
      closedPort = await freePort()
      await declare(before)
      await project.succeed('up')
    })
    afterAll(async () => {
      if (missing === undefined) await project.destroy()
    })

    test.skipIf(missing !== undefined)(`${runtime}: what is declared must hold inside the container`, async () => {
      const environment = (await inside('env')).split('\n')
      for (const line of ['MODE=one', 'QUOTED=two words', 'FROM_CONFIG=config', 'API_TOKEN=tok-one-0123'])
        expect(environment).toContain(line)
      expect(await inside('id', '-u')).toBe('1000')
      expect(await inside('pwd')).toBe('/site')
      expect(await inside('cat', 'index.html')).toBe('hello')
      await expect(inside('touch', '/site/x')).rejects.toThrow(/[Rr]ead-only/)
      const probe = { kind: 'tcp', hostAddress: '127.0.0.1', port: closedPort } as const
      expect(await probeOnce(probe, nothingElse)).toMatchObject({ ready: false })
      expect(await probeOnce({ ...probe, port }, nothingElse)).toEqual({ ready: true })
      expect(await inside('stat', '--format=%a', '/scratch')).toBe('1777')
      await inside('touch', '/scratch/x')
      expect(await inside('df', '--output=size', '/scratch', '/dev/shm')).toMatch(/\b2048\n\s+8192\b/)
      expect(await inside('cat', '/etc/hosts')).toMatch(/^192\.0\.2\.1\s+ns\.example/m)
      expect(await inside('getent', 'hosts', 'up')).toMatch(/^\d+\.\d+\.\d+\.\d+\s+up/)
      expect(await inside('sh', '-c', 'cat /proc/1/comm')).not.toBe('perl')
      expect(await engine('logs', `${project.stack}-peer`)).toContain('reached')
      const [raw] = JSON.parse(await engine('container', 'inspect', `${project.stack}-web`)) as readonly Inspected[]
      expect(raw?.HostConfig).toMatchObject({
        Memory: 64 * 1024 * 1024,
        NanoCpus: 5e8,
        RestartPolicy: { Name: 'on-failure' },
      })
      expect(raw?.Config.Labels['team']).toBe('red')
      expect(JSON.stringify(raw?.Config.Labels)).not.toContain('tok-one')
      expect(raw?.HostConfig['PortBindings']).toMatchObject({
        '5353/udp': [{ HostIp: '127.0.0.1' }],
      })
      const health = raw?.Config.Healthcheck
      expect(health).toMatchObject({ Test: ['CMD', 'test', '-d', '/files'], Interval: 7e9, Retries: 2 })
      expect(JSON.stringify(raw?.HostConfig['CapAdd'])).toContain('NET_ADMIN')
      expect(JSON.stringify(raw?.HostConfig['CapDrop'])).toContain('CHOWN')
    })

    test.skipIf(missing !== undefined)(`${runtime}: an unchanged up must do nothing`, async () => {
      const seen = await project.world.containers()
      expect((await project.succeed('up')).stdout).toContain('nothing to do')
      expect(await project.world.containers()).toEqual(seen)
    })

    test.skipIf(missing !== undefined)(
      `${runtime}: a change must be named, and replace that container only`,
      async () => {
        const peer = await project.world.only('peer')
        await declare(after)
        const { stdout } = await project.succeed('plan')
        expect(stdout).toContain('env.MODE: one -> two')
        expect(stdout).toContain('labels.team: red -> blue')
        expect(stdout).toContain('memory: 64MB -> 96MB')
        expect(stdout).toContain('env.API_TOKEN: (secret) -> (secret), changed')
        expect(stdout).not.toContain('tok-')
        await project.succeed('up')
        expect(await inside('printenv', 'MODE')).toBe('two')
        expect(await project.world.only('peer')).toEqual(peer)
        await project.succeed('plan', '--check')
      },
    )

    test.skipIf(missing !== undefined)(
      `${runtime}: another limit must hold inside, and cost no restart where the engine can do without`,
      async () => {
        const web = await project.world.only('web')
        const peer = await project.world.only('peer')
        // One that had no limit before, too; where the engine cannot, a new container is enough of a test.
        const more = runtime === 'docker' ? { cpus: 0.25 } : {}
        await declare({ ...after, ...more, memory: '80MB' })
        const { stdout } = await project.succeed('plan')
        expect(stdout).toContain('memory: 96MB -> 80MB')
        await project.succeed('up')
        const limit = 'cat /sys/fs/cgroup/memory/memory.limit_in_bytes || cat /sys/fs/cgroup/memory.max'
        expect(await inside('sh', '-c', `(${limit}) 2> /dev/null`)).toBe('83886080')
        const now = await project.world.only('web')
        if (runtime === 'docker') expect(now).toEqual(web)
        else expect(now.id).not.toBe(web.id)
        await project.succeed('plan', '--check')
        // Upwards, too, where the swap that goes with it is raised first; and back to what the label says.
        for (const memory of ['300MB', '96MB']) {
          await declare({ ...after, ...more, memory })
          await project.succeed('up')
          await project.succeed('plan', '--check')
        }
        if (runtime !== 'docker') return
        expect(await project.world.only('web')).toEqual(web)
        expect(await project.world.only('peer')).toEqual(peer)
      },
    )

    test.skipIf(missing !== undefined)(
      `${runtime}: the health check that an image brings along must count`,
      async () => {
        const own = `${project.stack}-own`
        await engine('exec', own, 'touch', '/ill')
        const fails = 'the health check of its image fails: the check ended with exit code 1: looked'
        const advice = 'Mend the HEALTHCHECK of the image, or declare a `ready` or `healthcheck` of the service'
        const ill = await project.run('container', 'health', 'own')
        expect([ill.code, ill.stdout]).toEqual([1, expect.stringContaining(`own  starting: ${fails}`)])
        expect(ill.stdout).toContain(advice)
        expect((await project.run('status')).stdout).toContain(fails)
        const up = await project.run('up', 'own')
        expect([up.code, up.stderr]).toEqual([1, expect.stringContaining(fails)])
        expect(up.stderr).toContain(advice)
        await engine('exec', own, 'rm', '/ill')
        expect((await project.succeed('container', 'health', 'own')).stdout).toContain('all services are well')
        await project.succeed('plan', '--check')
      },
    )

    test.skipIf(missing !== undefined)(
      `${runtime}: a build must be kept in the logs, and one that fails must show its step and touch nothing`,
      async () => {
        const log = join(project.root, 'logs/containers', `${project.stack}-peer.log`)
        expect(await readFile(log, 'utf8')).toContain('hello')
        expect(await readFile(join(project.root, 'logs/containers/.gitignore'), 'utf8')).toBe('*\n')
        expect(await engine('exec', `${project.stack}-peer`, 'cat', '/greeting')).toBe('built')
        const seen = await project.world.containers()
        await project.write({ 'containers/peer/Containerfile': containerfile('echo the reason is here && exit 7') })
        const elsewhere = { POSTSTACK_LOG_DIR: './var/log' }
        const { code, stderr } = await project.runWith(['up'], { env: elsewhere })
        expect(code).toBe(1)
        expect(stderr).toMatch(/Building \S+\/peer:\w+ failed at "RUN echo/)
        expect(stderr).toContain('| the reason is here')
        const moved = log.replace('/logs/', '/var/log/')
        expect(stderr).toContain(moved)
        expect(await readFile(moved, 'utf8')).toContain('the reason is here')
        expect(await readFile(log, 'utf8')).not.toContain('the reason is here')
        expect(await project.world.containers()).toEqual(seen)

        // What a service names and does not have stands in the way of `up`, and not of taking the stack down.
        await rm(join(project.root, 'local.env'))
        const refused = await project.run('up')
        expect([refused.code, refused.stderr]).toEqual([
          2,
          expect.stringContaining('envFile[1]: there is no such file'),
        ])
        await project.succeed('down', '--volumes', '--yes')
        expect(await project.world.containers()).toEqual([])
      },
    )
  },
)

interface Inspected {
  readonly HostConfig: Readonly<Record<string, unknown>>
  readonly Config: {
    readonly Labels: Readonly<Record<string, string>>
    readonly Healthcheck?: Readonly<Record<string, unknown>>
  }
}
