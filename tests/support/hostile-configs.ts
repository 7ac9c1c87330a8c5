/**
 * Configs, variables and `.env` files that are wrong in every way that comes to mind.
 */
import fc from 'fast-check'
import { stringify } from 'yaml'
import type { Attempt } from './hostile-attempts.ts'
import { bytes, deep, word } from './hostile-words.ts'

const asking = fc.constantFrom(
  ['config-show'],
  ['config-validate'],
  ['plan'],
  ['up'],
  ['status'],
  ['db', 'migration-status'],
)

const names = [
  'DATABASE_URL',
  'LOG_LEVEL',
  'LOG_DIR',
  'CONTAINER_RUNTIME',
  'POSTGRES_CONTAINER_NAME',
  'POSTGRES_HOST_PORT',
  'MIGRATIONS_PATH',
  'PROJECT_CONTAINERS_PATH',
  'CONFIG',
  'NOTHING',
  'DB_HOST_PORT',
].map((name) => `POSTSTACK_${name}`)

export const variableAttempts: fc.Arbitrary<Attempt> = fc
  .record({ command: asking, name: fc.constantFrom(...names), value: word.filter((text) => !text.includes('\0')) })
  .map(({ command, name, value }) => ({ words: command, env: { [name]: value } }))

export const envFileAttempts: fc.Arbitrary<Attempt> = fc
  .record({
    command: asking,
    lines: fc.array(
      fc.oneof(
        bytes,
        fc
          .tuple(fc.constantFrom(...names), fc.constantFrom('=', ' = ', '="', ':', ''), word)
          .map((parts) => parts.join('')),
      ),
      { maxLength: 4 },
    ),
  })
  .map(({ command, lines }) => ({
    words: command,
    files: { '.env': Buffer.concat(lines.flatMap((line) => [Buffer.from(line), Buffer.from('\n')])) },
  }))

/** A value that a config may hold where another one belongs. */
const wrong: fc.Arbitrary<unknown> = fc.oneof(
  word,
  fc.constantFrom<unknown>(null, true, -1, 0, 1.5, 1e308, Number.MAX_SAFE_INTEGER, [], {}, [[[[]]]], { a: { b: {} } }),
  fc.dictionary(fc.oneof(word, fc.constantFrom('kind', 'image', 'port', 'build')), word, { maxKeys: 3 }),
)
const keys = [
  'name',
  'services',
  'runtime',
  'kind',
  'version',
  'port',
  'database',
  'user',
  'password',
  'migrations',
  'image',
  'build',
]
const moreKeys = [
  'env',
  'envFile',
  'ports',
  'volumes',
  'dependsOn',
  'ready',
  'command',
  'containerName',
  'seeds',
  'settings',
  'hooks',
]
const fields = fc.dictionary(fc.oneof(fc.constantFrom(...keys, ...moreKeys), word), wrong, { maxKeys: 5 })
const service = fields.chain((rest) =>
  fc.constantFrom('postgres', 'container', 'postgre').map((kind) => Object.assign({ kind }, rest)),
)
const data = fc.oneof(
  fc
    .dictionary(fc.oneof(word, fc.constantFrom('db', 'web')), fc.oneof(service, wrong), { maxKeys: 3 })
    .map((services) => ({ services })),
  fields,
  wrong,
)
const bomb = [
  'a: &a [x,x,x,x,x,x,x,x,x]',
  ...'bcdefghi'.split('').map((letter, index) => {
    const before = 'abcdefgh'[index] ?? 'a'
    return `${letter}: &${letter} [${Array.from({ length: 9 }, () => `*${before}`).join(',')}]`
  }),
].join('\n')
const yamlTexts = [
  bomb,
  deep(5000, '[', ']'),
  deep(3000, '{a: ', '}'),
  'services: &s\n  db: *s\n',
  'services: *missing\n',
  'a: 1\na: 2\n',
  '---\na: 1\n---\nb: 2\n',
  '%YAML 9.9\n---\nservices: {}\n',
  'services: !!js/function "function(){}"\n',
  'services: !!binary "////"\n',
  '? [a, b]\n: c\n',
  '<<: 1\n',
  '__proto__:\n  services: {}\n',
  'services:\n\tdb: 1\n',
  `services:\n${'  '.repeat(2000)}db: 1\n`,
] as const

export const yamlAttempts: fc.Arbitrary<Attempt> = fc
  .record({
    command: asking,
    text: fc.oneof(
      data.map((value) => stringify(value, { lineWidth: 0 })),
      bytes,
      fc.constantFrom(...yamlTexts),
    ),
  })
  .map(({ command, text }) => ({ words: command, files: { 'config.yaml': text } }))

export const jsonAttempts: fc.Arbitrary<Attempt> = fc
  .record({
    command: asking,
    text: fc.oneof(
      data.map((value) => JSON.stringify(value)),
      bytes,
      fc.constantFrom(
        deep(5000, '[', ']'),
        deep(5000, '{"a":', '}'),
        '{"services":{"db":{"kind":"postgres",}}}',
        '{"__proto__":{"services":1}}',
      ),
    ),
  })
  .map(({ command, text }) => ({
    words: command,
    env: { POSTSTACK_CONFIG: 'stack.json' },
    files: { 'stack.json': text },
  }))

const literal = (value: unknown): string => JSON.stringify(value)

export const typescriptAttempts: fc.Arbitrary<Attempt> = fc
  .record({
    command: asking,
    text: fc.oneof(
      data.map(
        (value) =>
          `import { defineConfig } from 'poststack'\nexport default defineConfig(${literal(value)} as never)\n`,
      ),
      word.map((text) => `throw ${literal(text)}\n`),
      word.map(
        (text) =>
          `throw Object.assign(new Error(${literal(text)}), { code: ${literal(text)}, name: ${literal(text)} })\n`,
      ),
      word.map((text) => `import ${literal(text)}\nexport default {}\n`),
      word.map(
        (text) =>
          `console.log(${literal(text.slice(0, 400))}); console.error(${literal(text.slice(0, 400))})\nexport default ${literal(text)}\n`,
      ),
      bytes,
      fc.constantFrom(
        'process.exit(0)\n',
        'process.exit(99)\n',
        "process.kill(process.pid, 'SIGKILL')\n",
        'const a: any = {}; a.a = a\nexport default a\n',
        'export default new Proxy({}, { get() { throw 1 }, ownKeys() { throw 2 } })\n',
        'export default { get services() { throw new Error("got") } }\n',
        'export default () => { throw undefined }\n',
        'export default Promise.reject(null)\n',
        'export default { services: { db: Symbol("a") } }\n',
        'export default { services: { db: () => 1, web: 10n, now: new Date(NaN) } }\n',
        'Object.prototype.toString = null as never\nexport default { services: 1 }\n',
        'const f = (): never => f()\nf()\n',
        'await new Promise(() => {})\n',
        'Object.defineProperty(globalThis, "process", { get() { throw 1 } })\nexport default 1\n',
        'setTimeout(() => { throw new Error("late") }, 0); export default new Promise(() => {})\n',
        'export {}\n',
        'import { writeSync } from "node:fs"\nwriteSync(3, `{"kind":"result"}\\n`)\nexport default 1\n',
        'import { writeSync } from "node:fs"\nwriteSync(4, `null\\n`)\nexport default 1\n',
        'import { closeSync } from "node:fs"\ncloseSync(3)\nexport default 1\n',
        'JSON.stringify = () => "{}"\nexport default { services: { a: 1 } }\n',
      ),
    ),
  })
  .map(({ command, text }) => ({
    words: command,
    env: { POSTSTACK_CONFIG: undefined },
    files: { 'poststack.config.ts': text },
  }))
