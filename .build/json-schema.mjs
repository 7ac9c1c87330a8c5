import { build } from 'esbuild'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'

/**
 * The JSON Schema of a config written as YAML or JSON, for editors, made from the schema that the program checks it with. What only code can check,
 * such as a regular expression that must be one, is left to the program.
 */
export async function configJsonSchema(root) {
  const { container, externalPostgres, managedPostgres, stack, toJSONSchema } = await schemas(root)
  const convert = (schema) => {
    const { $schema: _, ...rest } = toJSONSchema(schema, { io: 'input', unrepresentable: 'any', override: closeObject })
    return rest
  }
  const { properties, ...top } = convert(stack)
  return {
    $schema: 'http://json-schema.org/draft-07/schema#',
    title: 'Poststack',
    description: 'A PostgreSQL stack: its containers, databases and migrations.',
    ...top,
    properties: {
      $schema: { type: 'string' },
      ...properties,
      services: {
        type: 'object',
        description: 'The members of the stack by name.',
        additionalProperties: { anyOf: [managedPostgres, externalPostgres, container].map(convert) },
      },
    },
  }
}

/** Unknown keys are mistakes; the schema says so in a way that JSON Schema has no word for. */
function closeObject({ zodSchema, jsonSchema }) {
  const { type, catchall } = zodSchema._zod.def
  if (type === 'object' && catchall !== undefined) jsonSchema.additionalProperties = false
}

async function schemas(root) {
  const contents = `export { stack } from './src/config/schema/schema.ts'
    export { container, externalPostgres, managedPostgres } from './src/config/schema/services.ts'
    export { toJSONSchema } from 'zod'`
  const { outputFiles } = await build({
    stdin: { contents, resolveDir: root, loader: 'ts' },
    bundle: true,
    format: 'esm',
    platform: 'node',
    write: false,
    logLevel: 'silent',
  })
  const folder = await mkdtemp(join(root, '.build', 'out-schema-'))
  try {
    const file = join(folder, 'schemas.mjs')
    await writeFile(file, outputFiles[0].text)
    return await import(pathToFileURL(file).href)
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}
