/**
 * Engines write down what they are given in words of their own: rounded, sorted, completed. Whatever a container declares, nothing of that may
 * look like a change. `POSTSTACK_SEED` brings a run back.
 */
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { tempProject } from '../support/project.ts'
import { chooseSeed } from '../support/random.ts'
import { debianImage } from '../support/services.ts'
import { realRuntimes } from '../support/world.ts'

const declarations = 10
const common = { image: debianImage, stopGraceSeconds: 0, readyTimeoutSeconds: 20 }

/** Each field is there or not; values are such as both engines can start, and on the edge of what they keep as it is. */
const fields = fc.record(
  {
    memory: fc.oneof(
      fc.integer({ min: 16, max: 64 }).map((mb) => `${String(mb)}MB`),
      fc.integer({ min: 16_385, max: 29_999 }).map((kb) => `${String(kb)}kB`),
    ),
    cpus: fc.oneof(fc.constantFrom(0.25, 1 / 3, 0.7, 1), fc.double({ min: 0.2, max: 1, noNaN: true })),
    shmSize: fc.constantFrom('1MB', '1000kB', '7MB'),
    restart: fc.constantFrom('no', 'always', 'unless-stopped', 'on-failure'),
    env: fc.dictionary(
      fc.stringMatching(/^[A-Z_][A-Z0-9_]{0,8}$/),
      fc.oneof(fc.string(), fc.integer(), fc.boolean(), fc.constantFrom('', ' a\tb ', '$HOME', 'ü = "1"')),
      { maxKeys: 4 },
    ),
    labels: fc.dictionary(
      fc.stringMatching(/^[a-z][a-z0-9.-]{0,8}[a-z0-9]$/),
      fc.constantFrom('', 'x', 'ü', '{"a": [1]}', 'a=b, c'),
      { maxKeys: 3 },
    ),
    workdir: fc.constantFrom('/', '/tmp', '/var/lib/', '/new/folder'),
    user: fc.constantFrom('root', '0:0', '1000', '1000:1000', 'nobody'),
    init: fc.boolean(),
    stopSignal: fc.constantFrom('SIGINT', 'SIGQUIT', 'SIGTERM', 'SIGUSR1'),
    capAdd: fc.subarray(['NET_ADMIN', 'SYS_PTRACE', 'SYS_NICE']),
    capDrop: fc.subarray(['CHOWN', 'MKNOD', 'KILL']),
    extraHosts: fc.dictionary(
      fc.constantFrom('a.example', 'b.example', 'up'),
      fc.constantFrom('192.0.2.1', '2001:db8::1', 'host-gateway'),
    ),
    aliases: fc.subarray(['www', 'api.example', 'x1']),
    healthcheck: fc.oneof(
      fc.constant(false),
      fc.record({
        command: fc.constantFrom(['true'], ['test', '-d', '/tmp']),
        intervalSeconds: fc.integer({ min: 1, max: 90 }),
        retries: fc.integer({ min: 1, max: 5 }),
      }),
    ),
    volumes: fc.subarray([
      { volume: 'one', target: '/one' },
      { volume: 'two', target: '/two/', readOnly: true },
      { bind: '.', target: '/project', readOnly: true },
      { tmpfs: '1500kB', target: '/scratch' },
    ]),
    ports: fc.constantFrom(
      { http: { container: 80 } },
      { dns: { container: 53, protocol: 'udp' }, more: { container: 8080 } },
    ),
  },
  { requiredKeys: [] },
)

/** The program and its words, in one of the two places or in both. */
const programs = fc.constantFrom(
  { command: ['sleep', '600'] },
  { entrypoint: ['sleep'], command: ['600'] },
  { entrypoint: ['sh', '-c', 'exec sleep 600 "$0"'], command: ['1'] },
)

for (const { name: runtime, title, missing } of await realRuntimes()) {
  if (runtime === 'native') continue
  test.skipIf(missing !== undefined)(
    `${title}: whatever a container declares, it must be found as declared`,
    async () => {
      const seed = chooseSeed()
      const project = await tempProject({ runtime })
      const drawn = fc.sample(fc.tuple(programs, fields), { numRuns: declarations, seed })
      const services = drawn.map(([program, more], index): [string, string] => [
        `s${String(index)}`,
        `container(${JSON.stringify({ ...common, ...program, ...more, aliases: more.aliases?.map((alias) => `${alias}${String(index)}`) })})`,
      ])
      await project.declare(Object.fromEntries(services))
      const hint = `POSTSTACK_SEED=${String(seed)}`
      const up = await project.run('up')
      expect([hint, up.code, up.code === 0 ? '' : up.stderr]).toEqual([hint, 0, ''])
      const before = await project.world.containers()
      const plan = await project.run('plan', '--check')
      expect([hint, plan.code, plan.stdout]).toEqual([hint, 0, expect.stringContaining('everything is as declared')])
      expect((await project.succeed('up')).stdout).toContain('nothing to do')
      expect(await project.world.containers()).toEqual(before)
      await project.succeed('down', '--volumes', '--yes')
    },
  )
}
