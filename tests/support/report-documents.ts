/**
 * Stacks as `report` would find them, made up: one that is well, one whose plan is blocked, a large one.
 */
import type { ReportDatabase, Report, ReportSchema, ReportService, ReportStep } from '../../src/cli/page/document.ts'
import type { ForeignKey } from '../../src/migrations/keys.ts'
import type { MigrationState } from '../../src/migrations/status.ts'
import type { TableFacts } from '../../src/migrations/tables.ts'
import type { ServiceStatus } from '../../src/plan/status.ts'

type Sketch = readonly [name: string, columns: string, ...references: (readonly [column: string, table: string])[]]

const shopTables: readonly Sketch[] = [
  ['customers', 'id bigint, email text, name text?, created_at timestamp with time zone=now()'],
  [
    'addresses',
    'id bigint, customer_id bigint, street text, city text, country character(2)',
    ['customer_id', 'customers'],
  ],
  ['products', "id bigint, title text, price numeric(10,2), in_print boolean=true, details jsonb='{}'::jsonb"],
  ['categories', 'id bigint, name text, parent_id bigint?', ['parent_id', 'categories']],
  [
    'product_categories',
    'product_id bigint, category_id bigint',
    ['product_id', 'products'],
    ['category_id', 'categories'],
  ],
  [
    'orders',
    "id bigint, customer_id bigint, address_id bigint?, state text='new'::text, placed_at timestamp with time zone=now()",
    ['customer_id', 'customers'],
    ['address_id', 'addresses'],
  ],
  [
    'order_lines',
    'order_id bigint, product_id bigint, quantity integer=1, price numeric(10,2)',
    ['order_id', 'orders'],
    ['product_id', 'products'],
  ],
  [
    'payments',
    'id bigint, order_id bigint, amount numeric(10,2), paid_at timestamp with time zone?',
    ['order_id', 'orders'],
  ],
  ['settings', 'key text, value jsonb'],
]

function schemaOf(sketches: readonly Sketch[]): ReportSchema {
  const tables = sketches.map(([name, columns], index): TableFacts => ({
    schema: 'public',
    name,
    kind: 'table',
    rows: (index * 7919) % 52_000,
    columns: columns.split(/, (?=[a-z_0-9]+ )/).map((column) => {
      const [, columnName = '', type = '', fallback] = /^(\S+) ([^=]+)(?:=(.*))?$/.exec(column) ?? []
      return { name: columnName, type: type.replace('?', ''), nullable: type.endsWith('?'), fallback }
    }),
  }))
  const foreignKeys = sketches.flatMap(([table, , ...references]) =>
    references.map(([column, toTable], index): ForeignKey => ({
      name: `${table}_${column}_fkey`,
      schema: 'public',
      table,
      columns: [column],
      toSchema: 'public',
      toTable,
      toColumns: ['id'],
      onDelete: index === 0 ? 'CASCADE' : 'NO ACTION',
    })),
  )
  const primaryKeys = tables.flatMap(({ columns, name, schema }) =>
    columns[0]?.name === 'id' ? [{ schema, table: name, columns: ['id'] }] : [],
  )
  return { tables, foreignKeys, primaryKeys }
}

function service(name: string, what: string, ports: readonly string[], needs: readonly string[] = []): ReportService {
  const kind = what.startsWith('PostgreSQL') ? 'postgres' : 'container'
  return {
    name,
    kind,
    what,
    ports,
    needs: needs.map((one) => ({ service: one, condition: one === 'db' ? 'migrated' : 'ready' })),
  }
}

const services: readonly ReportService[] = [
  service('api', 'built from containers/api/Dockerfile', ['8081 → 3000'], ['db', 'cache']),
  service('cache', 'image docker.io/library/redis:8', ['6379 → 6379']),
  service('db', 'PostgreSQL 17', ['5433']),
  service('import', 'image docker.io/library/debian:trixie-slim', [], ['db']),
  service('web', 'built from containers/web/Dockerfile', ['8080 → 80'], ['api', 'import']),
  service('worker', 'built from containers/api/Dockerfile', [], ['api', 'db', 'cache']),
]

function stateOf({ kind, name, ports }: ReportService, more: Partial<ServiceStatus> = {}): ServiceStatus {
  const port = ports[0]?.split(' ')[0]
  const addresses =
    kind === 'postgres'
      ? [`postgresql://shop@127.0.0.1:${port ?? ''}/shop`]
      : port === undefined
        ? []
        : [`http://127.0.0.1:${port}`]
  return { service: name, kind, state: 'ready', container: `shop-${name}`, addresses, differences: [], ...more }
}

const names = [
  'customers',
  'addresses',
  'products',
  'categories',
  'orders',
  'order lines',
  'payments',
  'index for search',
  'settings',
  'product details',
]

function migrationsOf(count: number, pending: number): readonly MigrationState[] {
  return Array.from({ length: count + pending }, (_, index): MigrationState => {
    const version = String(index + 1).padStart(count > 900 ? 4 : 3, '0')
    const name = (names[index % names.length] ?? '').replaceAll(' ', '_')
    const common = { version, name, file: `${version}_${name}.sql`, reversible: index % 6 !== 5 }
    if (index >= count) return { ...common, state: 'pending' }
    const day = new Date(Date.UTC(2026, 2, 1) + Math.floor(index / 3) * 2 * 86_400_000 + (index % 3) * 5_400_000)
    return {
      ...common,
      state: 'applied',
      appliedAt: day.toISOString(),
      durationMs: [14, 8, 230, 41, 1890, 12, 77, 5200, 9, 33][index % 10] ?? 1,
      appliedBy: index % 4 === 0 ? 'ci@runner-7' : 'ana@thinkpad',
      gitCommit: '4f1c9a7be02d55c1'.repeat(3).slice(index % 8, (index % 8) + 40),
    }
  })
}

function databaseOf(migrations: readonly MigrationState[], schema: ReportSchema): ReportDatabase {
  const applied = migrations.filter(({ state }) => state === 'applied').length
  const counts = { applied, pending: migrations.length - applied, halfDone: 0, wrong: 0 }
  return {
    service: 'db',
    database: { service: 'db', host: '127.0.0.1', port: 5433, user: 'shop', database: 'shop' },
    migrations: {
      value: { folder: '/home/me/shop/migrations', ledger: true, pooled: false, migrations, problems: [], ...counts },
    },
    schema: { value: schema },
  }
}

/** Six services, all well. */
export function wellDocument(): Report {
  return {
    stack: 'shop',
    madeAt: '2026-03-20T09:30:12.000Z',
    tool: '1.2.3',
    services,
    status: {
      value: {
        version: 1,
        stack: 'shop',
        root: '/home/me/shop',
        runtime: 'podman',
        asDeclared: true,
        services: services.map((one) =>
          one.name === 'db'
            ? stateOf(one, { migrations: { applied: 10, pending: 0 } })
            : one.name === 'import'
              ? stateOf(one, { state: 'completed' })
              : stateOf(one),
        ),
        differences: [],
      },
    },
    plan: { value: { blocked: false, steps: [], warnings: [] } },
    databases: [databaseOf(migrationsOf(10, 0), schemaOf(shopTables))],
    runs: {
      value: [
        {
          id: '9c21f07e',
          command: 'up',
          startedAt: '2026-03-20T09:12:40.000Z',
          endedAt: '2026-03-20T09:12:44.000Z',
          state: 'done',
          durationMs: 4180,
          steps: { done: 9, failed: 0, skipped: 0 },
          applied: ['010_product_details.sql'],
          rolledBack: [],
          errors: [],
        },
        {
          id: '41d0aa93',
          command: 'up',
          startedAt: '2026-03-20T09:11:02.000Z',
          endedAt: '2026-03-20T09:11:03.000Z',
          state: 'failed',
          durationMs: 910,
          steps: { done: 2, failed: 1, skipped: 4 },
          applied: [],
          rolledBack: [],
          errors: [
            {
              subject: 'service:db',
              code: 'MIGRATION_FAILED',
              message:
                'migration 010_product_details.sql failed: column "detials" does not exist (SQLSTATE 42703), line 3, column 12',
            },
          ],
        },
        {
          id: 'e07b55c8',
          command: 'database migrate',
          startedAt: '2026-03-18T16:40:19.000Z',
          endedAt: '2026-03-18T16:40:20.000Z',
          state: 'unfinished',
          applied: ['008_index_for_search.sql', '009_settings.sql'],
          rolledBack: [],
          errors: [],
        },
      ],
    },
  }
}

const none = { text: 'not found', changes: [] }

const blockedSteps: readonly ReportStep[] = [
  {
    id: 1,
    subject: 'service:cache',
    kind: 'blocked',
    cause: { text: 'port 6379 is in use by redis-server (pid 4711)', changes: [] },
    risk: 'none',
    needs: [],
    ways: ['end that program, or give the service another port', 'or let Poststack choose one: port: "auto"'],
  },
  {
    id: 2,
    subject: 'image:shop/api',
    kind: 'build',
    cause: { text: 'files changed: src/server.ts', changes: [] },
    risk: 'none',
    needs: [],
  },
  {
    id: 3,
    subject: 'service:api',
    kind: 'create',
    cause: {
      text: 'spec changed',
      changes: [
        { path: 'env.LOG_LEVEL', before: 'info', after: 'debug' },
        { path: 'env.API_KEY', before: '(secret)', after: '(secret)' },
        { path: 'ports[80]', before: '8081', after: '8082' },
      ],
    },
    risk: 'downtime',
    needs: [2],
  },
  {
    id: 4,
    subject: 'service:api',
    kind: 'start',
    cause: { text: 'created by #3', changes: [], follows: true },
    risk: 'none',
    needs: [3],
  },
  {
    id: 5,
    subject: 'service:db',
    kind: 'blocked',
    cause: { text: '012_addresses.sql, line 2, column 8: syntax error at or near "COLUM"', changes: [] },
    risk: 'none',
    needs: [],
    ways: ['correct the file'],
    frame: ['  1 | ALTER TABLE addresses', '> 2 |   ADD COLUM zip text;', '    |       ^'],
  },
  {
    id: 6,
    subject: 'volume:shop-cache-data',
    kind: 'remove-volume',
    cause: { text: 'no longer declared', changes: [] },
    risk: 'data-loss',
    needs: [4],
  },
  { id: 7, subject: 'service:worker', kind: 'create', cause: none, risk: 'none', needs: [4, 5] },
  {
    id: 8,
    subject: 'service:api',
    kind: 'remove',
    cause: { text: 'the old one comes back', changes: [] },
    risk: 'none',
    needs: [],
    undoes: 3,
  },
]

/** The same in the middle of trouble: states of every kind, a blocked plan, pending and edited migrations. */
export function brokenDocument(): Report {
  const states: Readonly<Record<string, Partial<ServiceStatus>>> = {
    api: {
      state: 'starting',
      reason: 'http://127.0.0.1:8081/health answers 503',
      differences: ['create: spec changed', 'start'],
    },
    cache: { state: 'absent', differences: ['blocked: port 6379 is in use by redis-server (pid 4711)'], addresses: [] },
    db: {
      migrations: { applied: 10, pending: 2 },
      differences: ['blocked: 012_addresses.sql, line 2, column 8: syntax error at or near "COLUM"'],
    },
    import: { state: 'completed' },
    web: { state: 'failed', reason: 'it ended with exit code 1' },
    worker: { state: 'stopped', addresses: [] },
  }
  const well = wellDocument()
  const migrations = migrationsOf(10, 2).map((one): MigrationState =>
    one.version === '007'
      ? {
          ...one,
          state: 'changed',
          problem: {
            code: 'MIGRATION_CHANGED',
            message: 'migration 007_payments.sql was edited after it was applied: line 4 differs',
            hint: 'take the edit back, and write a new migration: poststack database new change-payments',
          },
        }
      : one,
  )
  return {
    ...well,
    status: {
      value: {
        version: 1,
        stack: 'shop',
        root: '/home/me/shop',
        runtime: 'docker',
        asDeclared: false,
        services: services.map((one) => stateOf(one, states[one.name])),
        differences: ['volume:shop-cache-data: remove-volume: no longer declared'],
      },
    },
    plan: {
      value: {
        blocked: true,
        steps: blockedSteps,
        warnings: [
          {
            subject: 'service:web',
            message: 'the image has no fixed version: what runs may change from one machine to the next',
          },
        ],
      },
    },
    databases: [databaseOf(migrations, schemaOf(shopTables))],
  }
}

const kinds = ['book', 'author', 'shelf', 'reader', 'loan', 'branch', 'order', 'event']

function nameAt(index: number): string {
  return `${kinds[index % kinds.length] ?? ''}_${String(index + 1).padStart(2, '0')}`
}

/** Many tables with keys to those before them, and many migrations. */
export function largeDocument({
  migrations,
  tables,
}: {
  readonly migrations: number
  readonly tables: number
}): Report {
  const sketches = Array.from({ length: tables }, (_, index): Sketch => {
    const columns = 'id bigint, name text, made_at timestamp with time zone=now(), note text?'
    const name = nameAt(index)
    if (index < 4 || index % 7 === 6) return [name, columns]
    const to = [Math.floor(index / 3), ...(index % 3 === 0 ? [Math.floor(index / 5)] : [])]
    return [
      name,
      `${columns}, ${to.map((one) => `ref_${String(one)} bigint`).join(', ')}`,
      ...to.map((one) => [`ref_${String(one)}`, nameAt(one)] as const),
    ]
  })
  return { ...wellDocument(), databases: [databaseOf(migrationsOf(migrations, 3), schemaOf(sketches))] }
}
