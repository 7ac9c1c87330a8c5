/**
 * What each service may say, as shapes that a value is held against. `schema.ts` does so and tells what is wrong.
 */
import * as z from 'zod'
import { isRecord } from '../is-record.ts'
import { parsePostgresUrl } from '../postgres-url.ts'
import * as field from './fields.ts'

const { strict, text } = field

const condition = field.oneOf('started', 'ready', 'migrated', 'completed')
const dependsOn = z.union(
  [field.list(field.name, 'a list of names'), field.record(field.name, condition, "{ db: 'ready' }")],
  {
    error: 'expected a list of service names, or an object from service name to condition',
  },
)

const pull = field.oneOf('missing', 'always', 'never')

const commonFields = {
  dependsOn: dependsOn.optional(),
  readyTimeoutSeconds: field.integer(1, 3600).optional(),
  profiles: field.profiles.optional(),
}
const runFields = {
  ...commonFields,
  containerName: field.engineName.optional(),
  stopGraceSeconds: field.integer(0, 3600).optional(),
  restart: field.oneOf('no', 'always', 'unless-stopped', 'on-failure').optional(),
  memory: field.memory.optional(),
  cpus: field.cpus.optional(),
  shmSize: field.size.optional(),
  labels: field.record(field.labelName, field.labelValue, "{ 'com.example.team': 'shop' }").optional(),
  aliases: field.list(field.alias, 'a list of host names').optional(),
}

export const managedPostgres = strict({
  kind: z.literal('postgres'),
  ...runFields,
  version: field.integer(13, 18).optional(),
  image: field.image.optional(),
  pull: pull.optional(),
  port: field.hostPort.optional(),
  hostAddress: field.address.optional(),
  user: field.roleName.optional(),
  password: field.password.optional(),
  database: field.identifier.optional(),
  migrations: field.path.optional(),
  seed: field.path.optional(),
  settings: field.record(field.settingName, field.scalar, "{ work_mem: '8MB' }").optional(),
})

export const externalPostgres = strict({
  kind: z.literal('postgres'),
  ...commonFields,
  url: z.string({ error: 'expected `postgres://user:password@host:port/database`' }).superRefine((value, context) => {
    const parsed = parsePostgresUrl(value)
    if (typeof parsed === 'string') context.addIssue(parsed)
  }),
  migrations: field.path.optional(),
})

// Made by `serializeConfig`, or written in a file of data; what is wrong in their place is told as a whole.
const isReference = (value: unknown): boolean =>
  isRecord(value) && typeof value['$ref'] === 'string' && Object.keys(value).length === 1
const referenceShape = {
  type: 'object',
  properties: { $ref: { type: 'string', description: 'service.property, as db.url, db.port or web.url:http' } },
  required: ['$ref'],
  additionalProperties: false,
} as const
const reference = z.custom<{ readonly $ref: string }>(isReference).meta(referenceShape)
const template = z
  .custom<{ readonly $text: readonly (string | z.output<typeof reference>)[] }>(
    (value) =>
      isRecord(value) &&
      Array.isArray(value['$text']) &&
      Object.keys(value).length === 1 &&
      value['$text'].every((part) => typeof part === 'string' || isReference(part)),
  )
  .meta({
    type: 'object',
    properties: { $text: { type: 'array', items: { anyOf: [{ type: 'string' }, referenceShape] } } },
    required: ['$text'],
    additionalProperties: false,
  })
export const envValue = z.union([field.scalar, reference, template], {
  error: 'expected a text, a number, true, false or a reference',
})

const build = strict(
  {
    context: field.path.optional(),
    dockerfile: field.path.optional(),
    args: field
      .record(
        field.envName,
        text('a text', (value) => !value.includes('\0')),
        "{ MODE: 'production' }",
      )
      .optional(),
    target: field.filled.optional(),
    secrets: field.record(field.secretId, field.filled, "{ npm: 'NPM_TOKEN' }").optional(),
    cache: field.boolean.optional(),
    cacheFrom: field.list(field.filled, 'a list of texts').optional(),
    cacheTo: field.list(field.filled, 'a list of texts').optional(),
  },
  "an object like { dockerfile: './Dockerfile' }",
)

const portOptions = strict(
  {
    container: field.port,
    host: field.hostPort.optional(),
    hostAddress: field.address.optional(),
    protocol: field.oneOf('tcp', 'udp').optional(),
  },
  'an object like { container: 80, host: 8080 }',
)

const volume = z.union(
  [
    strict({ volume: field.volumeName, target: field.mountTarget, readOnly: field.boolean.optional() }),
    strict({ bind: field.path, target: field.mountTarget, readOnly: field.boolean.optional() }),
    strict({ tmpfs: field.size, target: field.mountTarget }),
  ],
  {
    error:
      "expected an object like { volume: 'data', target: '/data' }, { bind: './site', target: '/site' } or { tmpfs: '64MB', target: '/tmp' }",
  },
)

const ready = z.union(
  [
    strict({
      http: field.portName,
      path: field.urlPath.optional(),
      status: field.integer(100, 599).optional(),
      body: field.expression.optional(),
    }),
    strict({
      postgres: field.portName,
      user: field.identifier.optional(),
      password: field.password.optional(),
      database: field.identifier.optional(),
    }),
    strict({ tcp: field.portName }),
    strict({ exec: field.command }),
    strict({ log: field.expression }),
  ],
  {
    error:
      "expected an object like { http: 'web' }, { postgres: 'db' }, { tcp: 'db' }, { exec: ['program'] } or { log: 'started' }",
  },
)

const healthcheck = strict({
  command: field.command,
  intervalSeconds: field.integer(1, 3600).optional(),
  timeoutSeconds: field.integer(1, 3600).optional(),
  retries: field.integer(1, 100).optional(),
  startSeconds: field.integer(0, 3600).optional(),
})

export const container = strict({
  kind: z.literal('container'),
  ...runFields,
  image: field.image.optional(),
  pull: pull.optional(),
  build: build.optional(),
  platform: field.platform.optional(),
  command: field.arguments_.optional(),
  entrypoint: field.command.optional(),
  env: field.record(field.envName, envValue, "{ LOG_LEVEL: 'debug' }").optional(),
  envFile: z
    .union([field.path, field.list(field.path, 'a list of paths')], { error: 'expected a path or a list of paths' })
    .optional(),
  ports: field.record(field.portName, portOptions, '{ http: { container: 80, host: 8080 } }').optional(),
  volumes: field.list(volume, 'a list').optional(),
  workdir: field.absolutePath.optional(),
  user: field.filled.optional(),
  init: field.boolean.optional(),
  stopSignal: field.signal.optional(),
  capAdd: field.list(field.capability, 'a list of capabilities').optional(),
  capDrop: field.list(field.capability, 'a list of capabilities').optional(),
  extraHosts: field.record(field.hostName, field.hostTarget, "{ 'mail.example': '10.0.0.7' }").optional(),
  healthcheck: z
    .union([healthcheck, z.literal(false)], { error: 'expected an object with `command`, or false' })
    .optional(),
  ready: ready.optional(),
  job: field.boolean.optional(),
})
