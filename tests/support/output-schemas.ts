/**
 * The JSON Schemas of what `--json` prints, one for each type of line, made of the types that the program writes.
 */
import { fileURLToPath } from 'node:url'
import {
  createFormatter,
  createParser,
  createProgram,
  DEFAULT_CONFIG,
  LiteralType,
  SchemaGenerator,
  UnionType,
  type CompletedConfig,
  type Schema,
  type SubNodeParser,
} from 'ts-json-schema-generator'

const fileOf = (path: string): string => fileURLToPath(new URL(`../../${path}`, import.meta.url))

/** Schemas by the `type` of the line, each with what the line means. Takes seconds. */
export function outputSchemas(meanings: ReadonlyMap<string, string>): ReadonlyMap<string, Schema> {
  const config: CompletedConfig = {
    ...DEFAULT_CONFIG,
    path: fileOf('src/cli/report/json-line.ts'),
    tsconfig: fileOf('tsconfig.json'),
    type: 'JsonLine',
    // `tsc` has done so.
    skipTypeCheck: true,
    topRef: false,
    // Each schema stands for itself.
    expose: 'none',
    // New fields may come without a new version.
    additionalProperties: true,
    sortProps: false,
  }
  const program = createProgram(config)
  const parser = createParser(program, config, (chain) => {
    chain.addNodeParser(askChecker(program))
  })
  const { anyOf = [], definitions = {} } = new SchemaGenerator(
    program,
    parser,
    createFormatter(config),
    config,
  ).createSchema('JsonLine')
  if (Object.keys(definitions).length > 0) throw new Error('a type refers to itself: its schema needs a name')
  return new Map(
    anyOf.filter(isSchema).map((line) => {
      const type = typeOf(line)
      return [type, completed({ ...line, title: type, description: meanings.get(type) ?? '' })]
    }),
  )
}

/**
 * Words that are the keys or the values of a constant: the generator reads types only, and the compiler knows both. Sorted, as the compiler
 * has them in the order in which it came across them.
 */
function askChecker(program: ReturnType<typeof createProgram>): SubNodeParser {
  const checker = program.getTypeChecker()
  const words = (node: Parameters<SubNodeParser['supportsNode']>[0]): readonly (string | number)[] => {
    if (!('operator' in node || 'exprName' in node || 'objectType' in node)) return []
    const type = checker.getTypeAtLocation(node)
    const members = type.isUnion() ? type.types : [type]
    return members
      .flatMap((member) => (member.isStringLiteral() || member.isNumberLiteral() ? [member.value] : []))
      .toSorted((one, other) => (String(one) < String(other) ? -1 : 1))
  }
  return {
    supportsNode: (node) => words(node).length > 0,
    createType: (node) => new UnionType(words(node).map((word) => new LiteralType(word))),
  }
}

function isSchema(schema: Schema | boolean): schema is Schema {
  return typeof schema === 'object'
}

function typeOf({ properties: { type } = {} }: Schema): string {
  if (typeof type !== 'object' || typeof type.const !== 'string') throw new Error('a line has no type')
  return type.const
}

/** With what the reporter puts in front of every line. */
function completed(line: Schema): Schema {
  const { title, description, type: kind, properties = {}, required = [], ...rest } = line
  const { type, version: _, ...fields } = properties
  const others = required.filter((name) => name !== 'version' && name !== 'type')
  return {
    $schema: 'http://json-schema.org/draft-07/schema#',
    title,
    description,
    type: kind,
    ...rest,
    properties: { version: { const: 1 }, ...(type === undefined ? {} : { type }), ...fields },
    required: ['version', 'type', ...others],
  }
}
