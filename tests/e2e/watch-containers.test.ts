/**
 * `poststack watch` with containers: images, mounted files, containers that end or are removed.
 */
import { execFile } from 'node:child_process'
import { mkdir, rename } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { promisify } from 'node:util'
import { describe, expect, test } from 'vitest'
import { freePort } from '../support/ports.ts'
import { tempProject } from '../support/project.ts'
import { debianImage, fetchText } from '../support/services.ts'
import { startWatch } from '../support/watching.ts'
import { realRuntimes } from '../support/world.ts'

/** Longer than the watch waits before it acts. */
const aWhile = (): Promise<void> => sleep(1_200)

/** Answers what stands in /word and /settings, and who it is, to everybody who connects. */
const serve = String.raw`my $s = IO::Socket::INET->new(LocalPort => 8000, Listen => 9, ReuseAddr => 1) or die;
while (my $c = $s->accept) { my $line = <$c>; open my $f, '<', '/word'; open my $g, '<', '/settings'; print $c "HTTP/1.0 200 OK\r\n\r\n", <$f>, <$g>, $ENV{WHO}; close $c }
`

const podman = (await realRuntimes()).find(({ name }) => name === 'podman')

describe(`on ${podman?.title ?? 'podman'}`, () => {
  const isMissing = podman?.missing !== undefined

  test.skipIf(isMissing)(
    'images, lost containers and crash loops must be looked after, each as it should',
    async () => {
      const project = await tempProject({ runtime: 'podman' })
      const port = await freePort()
      await project.write({
        'web/Dockerfile': `FROM ${debianImage}\nCOPY . /\nCMD ["perl", "-MIO::Socket::INET", "/serve.pl"]\n`,
        'web/serve.pl': serve,
        'web/.dockerignore': 'ignored\n',
        'web/word': 'one',
        settings: ' plain',
        'web.env': 'WHO=" me"\n',
      })
      await project.declare({
        web: `container({ build: { context: './web', dockerfile: './web/Dockerfile' }, ports: { http: { container: 8000, host: ${String(port)} } }, ready: { http: 'http' }, envFile: './web.env', volumes: [{ bind: './settings', target: '/settings', readOnly: true }], restart: 'no' })`,
        crasher: `container({ image: '${debianImage}', command: ['sh', '-c', 'test -e /on/fixed && exec sleep 1000; sleep 0.5; exit 1'], volumes: [{ bind: './on', target: '/on' }], restart: 'no' })`,
      })
      await mkdir(join(project.root, 'on'))
      const watch = await startWatch(project)
      const crashing = await watch.next('watch-crashing')
      expect(crashing).toMatchObject({ service: 'crasher', deaths: 3 })
      expect(await watch.next('watch-waiting')).toMatchObject({ asDeclared: false })
      expect((await project.world.only('crasher')).running).toBe(false)

      // What an image is made from is built anew, and what its ignore file names is not looked at.
      const first = await project.world.only('web')
      await project.write({ 'web/ignored': 'x' })
      await aWhile()
      await project.write({ 'on/fixed': '', 'web/word': 'two' })
      const built = await watch.run()
      expect(built.find(({ type }) => type === 'watch-changed')).toMatchObject({ paths: ['web/word'] })
      expect(await fetchText(port)).toBe('two plain me')
      const second = await project.world.only('web')
      expect(second.id).not.toBe(first.id)
      expect((await project.world.only('crasher')).running).toBe(true)

      // What it is given to read is part of it, however an editor saves.
      await project.write({ 'settings~': ' fancy', 'web.env': 'WHO=" you"\n' })
      await rename(join(project.root, 'settings~'), join(project.root, 'settings'))
      const given = await watch.run()
      expect(given.find(({ type }) => type === 'watch-changed')).toMatchObject({ paths: ['settings', 'web.env'] })
      expect(await fetchText(port)).toBe('two fancy you')
      const third = await project.world.only('web')

      await promisify(execFile)('podman', ['rm', '-f', '-t', '0', third.id])
      let events = await watch.run()
      // The first word of it may come while it still runs: that look finds nothing amiss.
      if (events.every(({ type }) => type !== 'watch-changed')) events = await watch.run()
      expect(events.find(({ type }) => type === 'watch-changed')).toMatchObject({ paths: [], services: ['web'] })
      // On a busy machine the first run may see it stopped and not yet removed; the removal asks for another.
      if (events.at(-1)?.['asDeclared'] !== true) await watch.run()
      expect(await fetchText(port)).toBe('two fancy you')
      await aWhile()
      expect(watch.unheard().map(({ type }) => type)).toEqual([])
      expect(await watch.end('SIGTERM')).toMatchObject({ code: 143, stderr: '' })
      expect((await project.world.only('web')).running).toBe(true)
    },
  )
})
