/**
 * Input that nobody means well with, for every place where the program takes some: generators, each of which gives whole attempts (words,
 * variables, files).
 */
import fc from 'fast-check'
import { containerCommands } from '../../src/cli/routes/container.ts'
import { databaseCommands } from '../../src/cli/routes/database.ts'
import { logsCommands } from '../../src/cli/routes/logs.ts'
import { bytes, deep, fileName, isWellFormed, word } from './hostile-words.ts'

export interface Attempt {
  readonly words: readonly string[]
  readonly env?: Readonly<Record<string, string | undefined>>
  readonly files?: Readonly<Record<string, string | Uint8Array>>
}

/** The `config.yaml` that every attempt finds which has none of its own. Nothing listens on its port. */
export const usualConfig = 'services:\n  db:\n    kind: postgres\n    port: 9\n'

const commands: readonly (readonly string[])[] = [
  ...['init', 'up', 'plan', 'down', 'status', 'env', 'exec', 'run', 'psql', 'watch', 'doctor'].map((name) => [name]),
  ...['config-show', 'config-validate', 'completion', 'version'].map((name) => [name]),
  ...Object.keys(containerCommands).map((name) => ['container', name]),
  ...Object.keys(databaseCommands).map((name) => ['database', name]),
  ...Object.keys(logsCommands).map((name) => ['logs', name]),
]
const flags = [
  '--config',
  '--mode',
  '--instance',
  '--profile',
  '--runtime',
  '--allow-read',
  '--allow-env',
  '--allow-net',
  '--wait-timeout',
  '--on-edit',
  '--service',
  '--database',
  '--url',
  '--migrations',
  '--target-version',
  '--steps',
  '--lock-wait',
  '--format',
  '--version',
  '--choose',
  '--statement',
  '--since',
  '--tail',
  '--postgres-port',
  '--image',
  '--container',
  '--category',
  '--level',
  '--run',
  '--days',
  '--output',
  '--into',
  '-C',
  '--schema',
] as const

/** Nothing of the folder is there, so whatever is asked ends before any work. */
export const flagAttempts: fc.Arbitrary<Attempt> = fc
  .record({
    command: fc.oneof(fc.constantFrom(...commands), fc.array(word, { minLength: 1, maxLength: 2 })),
    flag: fc.oneof(
      fc.constantFrom(...flags),
      word.map((text) => `--${text}`),
    ),
    value: word,
    more: fc.array(word, { maxLength: 2 }),
    joined: fc.boolean(),
    json: fc.boolean(),
  })
  .map(({ command, flag, value, more, joined, json }) => ({
    words: [...command, ...(joined ? [`${flag}=${value}`] : [flag, value]), ...more, ...(json ? ['--json'] : [])],
  }))

/** Nothing listens there. */
const nobody = 'postgresql://nobody@127.0.0.1:9/none'
const migrating = fc.constantFrom(
  ['db', 'migrate', '--url', nobody],
  ['db', 'migrate', '--dry-run', '--url', nobody],
  ['db', 'verify-migrations', '--url', nobody],
  ['db', 'renumber', '--dry-run', '--url', nobody],
  ['db', 'migration-status', '--url', nobody],
  ['up'],
  ['plan'],
)
const sql = fc.oneof(
  bytes,
  fc.constantFrom(
    'SELECT $a$',
    '/*',
    "E'",
    'BEGIN;\nCOMMIT;\n',
    '\\i ../../../etc/passwd\n',
    '\\! touch made\n',
    'COPY a FROM stdin;\n',
    '-- poststack:\n',
  ),
  fc.constantFrom(
    deep(4000, '(', ')'),
    `SELECT ${deep(4000, '(', ')')};`,
    `SELECT ${'1+'.repeat(9000)}1;`,
    ';'.repeat(20_000),
  ),
)

export const migrationAttempts: fc.Arbitrary<Attempt> = fc
  .record({
    command: migrating,
    files: fc.array(
      fc.tuple(
        fc.oneof(
          fileName,
          fc
            .tuple(fc.constantFrom('001_', '001-', '1_', '٣_', '00_', '-1_', `${'9'.repeat(60)}_`), fileName)
            .map((parts) => `${parts.join('').slice(0, 100)}.sql`),
          fc.constantFrom(
            '001_a.sql',
            '001_b.sql',
            '001_a.SQL',
            '001_a.rollback.sql',
            '002_a.rollback.sql',
            '002_.sql',
          ),
        ),
        sql,
      ),
      { minLength: 1, maxLength: 3 },
    ),
  })
  .map(({ command, files }) => ({
    words: command,
    files: Object.fromEntries([
      ...files.filter(([name]) => isWellFormed(name)).map(([name, text]) => [`migrations/${name}`, text] as const),
      ['config.yaml', `${usualConfig}    migrations: ./migrations\n`],
    ]),
  }))

/** Names of services, containers, scripts and files that are not there. */
export const nameAttempts: fc.Arbitrary<Attempt> = fc
  .record({
    command: fc.constantFrom(
      ['up'],
      ['plan'],
      ['run'],
      ['run', '--service'],
      ['exec', '--service'],
      ['psql', '--service'],
      ['container', 'start'],
      ['container', 'stop'],
      ['container', 'remove'],
      ['container', 'logs'],
      ['container', 'exec'],
      ['container', 'shell'],
      ['container', 'restart'],
      ['container', 'build-project', '--container'],
      ['db', 'migrate', '--service'],
      ['db', 'migrate', '--database'],
      ['db', 'restore'],
      ['db', 'list-backups', '--output'],
      ['logs', 'show', '--run'],
    ),
    name: word.filter((text) => text !== '' && !text.startsWith('-')),
    rest: fc.array(word, { maxLength: 1 }),
  })
  .map(({ command, name, rest }) => ({
    words: [...command, name, ...rest],
    files: { 'here.txt': 'a' },
  }))

const url = fc.oneof(
  word,
  fc
    .tuple(fc.constantFrom('postgresql://', 'postgres://', 'postgresql:', 'mysql://', 'file://'), word)
    .map((parts) => parts.join('')),
  fc
    .record({ user: word, password: word, host: word, port: word, name: word, query: word })
    .map(
      ({ user, password, host, port, name, query }) =>
        `postgresql://${user}:${password}@${host}:${port}/${name}?${query}`,
    ),
  fc.tuple(word, word).map(([name, value]) => `postgresql://a@127.0.0.1:9/b?${name}=${value}`),
  fc.constantFrom(
    'postgresql://[::1',
    'postgresql://a@127.0.0.1:99999/b',
    'postgresql://%zz@127.0.0.1:9/b',
    'postgresql:///?host=/nowhere&port=x',
  ),
  word.map((text) => `postgresql://a@127.0.0.1:9/${encodeURIComponent(Buffer.from(text).toString())}`),
)

export const urlAttempts: fc.Arbitrary<Attempt> = fc
  .record({
    command: fc.constantFrom(
      ['test-connection'],
      ['migrate'],
      ['query', 'SELECT 1'],
      ['migration-status'],
      ['show-schema'],
    ),
    url,
  })
  .map(({ command, url: text }) => ({
    words: ['db', ...command, '--url', text],
    files: { 'migrations/001_a.sql': 'SELECT 1;\n' },
  }))
