/**
 * Services that cannot come up, each for another reason, in one stack an engine: for each the text that a stranger reads.
 */
import { expect, test } from 'vitest'
import { tempProject } from '../support/project.ts'
import { debianImage } from '../support/services.ts'
import { realRuntimes } from '../support/world.ts'

function ends(command: readonly string[], fields = ''): string {
  // It is never ready, so that it is waited for until it ends.
  const ready = fields.includes('healthcheck') ? '' : "ready: { exec: ['test', '-e', '/never'] }, "
  return `container({ image: '${debianImage}', command: ${JSON.stringify(command)}, stopGraceSeconds: 0, ${ready}${fields} })`
}

const says = (words: string): readonly string[] => ['sh', '-c', words]
const eater = ['perl', '-e', 'my $s = "x" x 200_000_000; sleep 60']

const services = {
  one: ends(says('echo "cannot read settings.json" >&2; exit 1')),
  silent: ends(says('exit 1')),
  e125: ends(says('exit 125')),
  e126: ends(says('echo "cannot execute: required file not found"; exit 126')),
  e127: ends(says('exec no-such-program')),
  e137: ends(says('exit 137')),
  memory: ends(eater, "memory: '32MB'"),
  folder: ends(['/etc']),
  absent: ends(['/no/such/program', '--serve']),
  health: ends(['sleep', '60'], "healthcheck: { command: ['curl', '-f', 'http://localhost'] }, readyTimeoutSeconds: 2"),
  registry: "container({ image: '127.0.0.1:9/shop/registry:1' })",
  disk:
    "container({ image: 'docker.io/library/postgres:17', env: { POSTGRES_PASSWORD: 'disk-Pass_w0rd' }, " +
    "volumes: [{ tmpfs: '16MB', target: '/var/lib/postgresql/data' }], healthcheck: { command: ['pg_isready'] } })",
} as const

/** The errors of a run, by the service that each is about. */
function errorsOf(text: string): Map<string, string> {
  // What others do meanwhile is said between.
  const lines = text.split('\n').filter((line) => !/^ {2}\w/.test(line))
  const blocks = lines.join('\n').split(/^(?=error {2})/m)
  return new Map(
    Object.keys(services).map((service) => {
      const mine = blocks.filter((block) =>
        new RegExp(`\\b(?:Service |STACK-|Job )${service}\\b|/${service}:\\d`).test(block),
      )
      return [service, mine.map((block) => block.trimEnd()).join('\n')] as const
    }),
  )
}

for (const { name: runtime, title, missing } of await realRuntimes()) {
  if (runtime === 'native') continue
  test.skipIf(missing !== undefined)(`${title}: what cannot come up says why, and what to do about it`, async () => {
    const project = await tempProject({ runtime })
    await project.declare(services)
    const ended = await project.run('up')
    expect(ended.code).toBe(1)
    expect(
      (await project.world.containers()).filter(({ running, service }) => running && service !== 'health'),
    ).toEqual([])
    // What engines call it differs from version to version; that they say it in one piece, and what to do, must not.
    expect(ended.stderr).not.toMatch(/create failed|shim task/)
    const errors = errorsOf(
      project
        .mask(ended.stderr)
        .replaceAll(/((?:did not start|could not be pulled): ).*(?= {2}\[)/g, '$1REASON')
        .replaceAll(/^ +\| (?:(?!FATAL|settings|not found).)*\n/gm, '')
        // Two programs write here at once, and the words of initdb may stand on the same line.
        .replaceAll(/\| .*(FATAL: {2}could not write to file) "[^"]*"(: No space left on device).*/g, '| $1 FILE$2'),
    )
    expect(errors.get('memory')).toMatch(
      /exit code 137 .*\[NOT_READY\]\n\n +try: (?:It used more memory than it may\. Raise|It was killed from outside: .* raise) `memory` /,
    )
    errors.delete('memory')
    if (runtime === 'docker') {
      const health = await project.run('container', 'health', 'memory', 'e137')
      // Not every engine sees each time that it was the kernel; without that the code says no more than that it was killed.
      if (/"OOMKilled":\s*true/.test(await project.world.inspectAll()))
        expect(health.stdout).toMatch(
          /memory +failed: it ended with exit code 137\n[^]*try: It used more memory than it may\. /,
        )
      expect(health.stdout).toMatch(
        /e137 +stopped: it is stopped, with exit code 137\n[^]*try: It does not run, and was killed: .* If nobody stopped it, raise `memory` .* Start it: poststack --runtime docker container start e137/,
      )
    }
    expect([...errors.values()].join('\n')).toMatchInlineSnapshot(`
      "error  Service one ended with exit code 1 after TIME, before it was ready.  [NOT_READY]

             its last lines:
               | cannot read settings.json

             try: Its last lines of output say why.
      error  Service silent ended with exit code 1 after TIME, before it was ready.  [NOT_READY]

             try: It wrote nothing before it ended. Check \`command\` and \`entrypoint\`.
      error  Service e125 ended with exit code 125 after TIME, before it was ready.  [NOT_READY]

             try: Engines use this code where they could not run the command themselves. Where the program does not end with it of its own, the log of the engine says why.
      error  Service e126 ended with exit code 126 after TIME, before it was ready.  [NOT_READY]

             its last lines:
               | cannot execute: required file not found

             try: The command exists but cannot be executed: it is not marked executable, is a folder, or has a broken \`#!\` line.
      error  Service e127 ended with exit code 127 after TIME, before it was ready.  [NOT_READY]

             its last lines:
               | sh: 1: exec: no-such-program: not found

             try: What it was told to run is not in the image. Check \`command\` and \`entrypoint\`, and that the build copies the file.
      error  Service e137 ended with exit code 137 after TIME, before it was ready.  [NOT_READY]

             try: It was killed from outside: by the system when memory ran out, by the engine after its grace time, or by hand. If nobody stopped it, raise \`memory\` of the service where it is declared, or give the container engine more.
      error  Container STACK-folder did not start: REASON  [ENGINE_REFUSED]

             try: What it is to run cannot be executed: it is a folder, or not marked executable. Check \`command\` and \`entrypoint\`, and the mode of the file in the image.
      error  Container STACK-absent did not start: REASON  [ENGINE_REFUSED]

             try: What it is to run is not in the image: check \`command\` and \`entrypoint\`, and that the build copies the file.
      error  Service health is not ready after TIME. Waited for \`curl -f http://localhost\` in its container to succeed; at last: there is no program curl in its container.  [NOT_READY]

             try: Run the check yourself: poststack --runtime RUNTIME container exec health -- curl -f http://localhost. Its program must be in the image. If it only needs longer, raise readyTimeoutSeconds.
      error  Image 127.0.0.1:9/shop/registry:1 could not be pulled: REASON  [PULL_FAILED]

             try: Check the network and the registry; the engine does the pulling, so its proxy settings count.
      error  Service disk ended with exit code 1 after TIME, before it was ready.  [NOT_READY]

             its last lines:
               | FATAL:  could not write to file FILE: No space left on device

             try: The disk that it writes to is full: that of the container engine, where unused images and volumes often hold most of it, or a \`tmpfs\` volume that is too small. Make room, then run the command again."
    `)
  })
}

for (const { name: runtime, title, missing } of await realRuntimes()) {
  if (runtime === 'native') continue
  test.skipIf(missing !== undefined)(`${title}: what runs between two crashes must not be called well`, async () => {
    const project = await tempProject({ runtime })
    await project.declare({
      loop: `container({ image: '${debianImage}', command: ['sh', '-c', 'sleep 2; exit 3'], restart: 'always' })`,
    })
    await project.succeed('up')
    const health = async (): Promise<unknown> => {
      const { code, stdout } = await project.run('container', 'health', 'loop')
      return { code, stdout }
    }
    // Docker waits before it starts one again, and says so; podman does neither.
    const ill =
      /loop  failed: (it ends again and again: restarted \d+ times, and a moment ago again|it crashes and is being restarted), last exit code 3\n/
    await expect
      .poll(health, { timeout: 30_000, interval: 200 })
      .toEqual({ code: 1, stdout: expect.stringMatching(ill) as unknown })
    // Once is none: it may have ended for what was not there yet.
    const check = async (): Promise<unknown> => {
      const { code, stdout } = await project.run('status', '--check')
      return { code, stdout }
    }
    await expect
      .poll(check, { timeout: 30_000, interval: 200 })
      .toEqual({ code: 3, stdout: expect.stringMatching(/^ {2}loop +failed$/m) as unknown })
  })
}
