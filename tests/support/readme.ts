/**
 * README.md and the pages of `docs/` as data. Their conventions:
 *
 * - A `ts`, `sql`, `yaml` or `ini` block whose first line is a comment with a path is a file of the project the reader works in.
 * - A `sh` block is what the reader types there; `cd` lasts. `# exits with 3` at its end says that it does; all others exit with 0.
 * - `<!-- prepared:`, commands and `-->` is what a reader has already: typed, too, but not shown.
 * - A `text` block right after it is what the reader sees.
 * - Each page begins in a fresh project. `<!-- project: podman -->` starts another one, with what it needs beside Node;
 *   `<!-- not run: why -->` before a block keeps it from being executed.
 * - Between `<!-- generated: name -->` and `<!-- end -->` stands what a test can write.
 */
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { documentedFields, shortTypes, type DocumentedField } from './tsdoc.ts'

const fileOf = (path: string): string => fileURLToPath(new URL(`../../${path}`, import.meta.url))

export interface Page {
  /** From the root of the repository. */
  readonly path: string
  readonly text: string
  readonly blocks: readonly Block[]
}

/** README.md first, then docs/ by name. */
export const pages: readonly Page[] = ['README.md', ...docs()].map((path) => {
  const text = readFileSync(fileOf(path), 'utf8')
  return { path, text, blocks: readBlocks(text) }
})

function docs(): readonly string[] {
  const names = readdirSync(fileOf('docs')).filter((name) => name.endsWith('.md'))
  return names.toSorted().map((name) => `docs/${name}`)
}

export function page(path: string): Page {
  const found = pages.find((other) => other.path === path)
  if (found === undefined) throw new Error(`there is no page ${path}`)
  return found
}

/** Read and written at once: another test may write another part of the same page. */
export function editPage(path: string, edit: (text: string) => string): void {
  const file = fileOf(path)
  writeFileSync(file, edit(readFileSync(file, 'utf8')))
}

export interface Block {
  readonly language: string
  readonly text: string
  /** Of the opening fence, counted from 1. */
  readonly line: number
  /** Why it is not executed. */
  readonly notRun: string | undefined
  /** What its project runs on. */
  readonly project: string
  /** Counts the projects, so that two on the same runtime are told apart. */
  readonly projectNumber: number
}

function readBlocks(text: string): readonly Block[] {
  const blocks: Block[] = []
  const lines = text.split('\n')
  let project = 'native'
  let projectNumber = 0
  let notRun: string | undefined
  for (let index = 0; index < lines.length; index++) {
    const line = lines[index] ?? ''
    if (line === '<!-- prepared:') {
      const last = lines.indexOf('-->', index)
      const commands = lines.slice(index + 1, last).join('\n')
      blocks.push({ language: 'prepared', text: commands, line: index + 1, notRun, project, projectNumber })
      index = last
      continue
    }
    const started = /^<!-- project: (\w+) -->$/.exec(line)?.[1]
    if (started !== undefined) {
      project = started
      projectNumber++
    }
    notRun = /^<!-- not run: (.+) -->$/.exec(line)?.[1] ?? notRun
    const language = /^```(\w+)$/.exec(line)?.[1]
    if (language === undefined) continue
    const end = lines.indexOf('```', index + 1)
    const inside = lines.slice(index + 1, end).join('\n')
    blocks.push({ language, text: inside, line: index + 1, notRun, project, projectNumber })
    notRun = undefined
    index = end
  }
  return blocks
}

/** The path that a block's first line names, for blocks that are files. */
export function pathOf({ language, text }: Block): string | undefined {
  const comment = { ts: '//', sql: '--', yaml: '#', ini: '#' }[language]
  const [mark, path, ...more] = (text.split('\n')[0] ?? '').split(' ')
  return comment !== undefined && mark === comment && more.length === 0 && /\.\w+$/.test(path ?? '') ? path : undefined
}

/** Images are built on one machine and there already on the next, so no page shows either. */
export function withoutImages(text: string): string {
  return text
    .split('\n')
    .filter((line) => !/^  ok +image /.test(line))
    .join('\n')
}

/** Without what differs between two runs: images, times, widths of columns, and the order of what runs side by side. */
export function comparable(text: string): string {
  const lines = withoutImages(text)
    .replaceAll(/\(\d+ steps?, /g, '(<steps>, ')
    .replaceAll(/\b\d+(?:\.\d+)? (?:ms|s)\b/g, '<time>')
    .replaceAll(/\d{4}-\d\d-\d\d \d\d:\d\d UTC/g, '<when>')
    .replaceAll(/ by \S+@\S+/g, ' by <whom>')
    .split('\n')
    .map((line) => line.trimEnd().replaceAll(/(?<=\S) {2,}/g, '  '))
  const steps = lines.filter((line) => line.startsWith('  ok ')).toSorted()
  return lines.map((line) => (line.startsWith('  ok ') ? steps.shift() : line)).join('\n')
}

/** What stands between the marks of a generated part. */
export function generatedPart(text: string, name: string): string {
  return (marked(name).exec(text)?.[2] ?? '').trim()
}

export function withGeneratedPart(whole: string, name: string, text: string): string {
  return whole.replace(marked(name), (_, start: string, __, end: string) => `${start}\n${text}\n${end}`)
}

function marked(name: string): RegExp {
  return new RegExp(`(<!-- generated: ${name} -->)([\\s\\S]*?)(<!-- end -->)`)
}

interface Section {
  readonly title: string
  readonly about: string
  /** Declarations whose fields it shows. */
  readonly from: readonly string[]
  /** Fields of which exactly one is given. */
  readonly alternatives?: readonly string[]
  /** For what is handed to a config rather than written in it. */
  readonly given?: boolean
}

const sections: readonly Section[] = [
  { title: '`defineConfig({ … })`', about: 'The whole stack.', from: ['StackOptions', 'StackConfig', 'LayeredConfig'] },
  {
    title: '`defineConfig((context) => ({ … }))`',
    about: 'The function may be asynchronous. Its argument has these fields.',
    from: ['DefineContext'],
    given: true,
  },
  { title: '`postgres({ … })`', about: 'A PostgreSQL server that Poststack runs.', from: ['ManagedPostgresOptions'] },
  {
    title: '`postgres({ url })`',
    about:
      'A database that somebody else runs: Poststack manages its migrations only, and never creates or deletes it.',
    from: ['ExternalPostgresOptions'],
  },
  {
    title: '`container({ … })`',
    about: 'Any other container.',
    from: ['ImageSource', 'ContainerFields'],
    alternatives: ['image', 'build'],
  },
  {
    title: 'Every service that Poststack runs',
    about:
      'Fields of both kinds. A dependency is met when its container was started (`started`; it may still end at once), its probe answers (`ready`), it is ready ' +
      'and every migration is applied (`migrated`), or its job has ended with exit code 0 (`completed`).',
    from: ['CommonOptions'],
  },
  {
    title: '`hooks`',
    about:
      "What is run at which moment: `hook('./file.ts')`, or a command as `hook(['npm', 'run', 'codegen'])`. A failed one stops what comes after it, and is run by the next `up`.",
    from: ['Hooks'],
  },
  {
    title: '`hook`',
    about: 'What `hook()` makes, and what stands in its place in a config of data.',
    from: ['Hook', 'RememberedHook'],
    alternatives: ['script', 'command'],
  },
  {
    title: '`logs`',
    about: 'What is written down of what Poststack does: see `poststack logs`.',
    from: ['LogOptions'],
  },
  { title: '`build`', about: 'How an image is built.', from: ['BuildOptions'] },
  { title: '`ports`', about: 'One entry a port.', from: ['PortOptions'] },
  {
    title: '`volumes`',
    about: 'Each is a named volume, a path of the host, or a folder in memory.',
    from: ['VolumeOptions'],
    alternatives: ['volume', 'bind', 'tmpfs'],
  },
  {
    title: '`ready`',
    about: 'Probes run from the host, every 100 ms with back-off, until `readyTimeoutSeconds`.',
    from: ['ReadyOptions'],
    alternatives: ['http', 'tcp', 'postgres', 'exec', 'log'],
  },
  {
    title: '`healthcheck`',
    about:
      'What the engine checks by itself, for `podman ps` and `docker ps`. Poststack goes by `ready`; where none is declared, it runs this check itself, or else that of the image. Podman runs no ' +
      'health checks on a machine without systemd.',
    from: ['HealthcheckOptions'],
  },
]

/** Declarations with fields that are no part of what a user writes. */
const notWritten = ['ServiceMark', 'ReferenceMark', 'PostgresService', 'ContainerService']

const sources = ['src/config/define.ts', 'src/config/options.ts', 'src/config/options-container.ts'].map((path) =>
  readFileSync(fileOf(path), 'utf8'),
)
const allFields = new Map(sources.flatMap((source) => [...documentedFields(source)]))
const aliases = new Map(sources.flatMap((source) => [...shortTypes(source)]))

/** Declarations that the reference leaves out and fields without a meaning; there are to be none. */
export function undocumented(): readonly string[] {
  const shown = sections.flatMap(({ from }) => from)
  const types = [...allFields].filter(
    ([name, fields]) => fields.length > 0 && ![...notWritten, ...shown].includes(name),
  )
  const fields = shown.flatMap((name) => (allFields.get(name) ?? []).map((field) => ({ ...field, of: name })))
  const empty = fields.filter(({ meaning }) => meaning === '')
  return [...types.map(([name]) => name), ...empty.map(({ of, name }) => `${of}.${name}`)]
}

/** The config reference, made of the documentation of the types. */
export function configReference(): string {
  const head = ['| field | type | default | meaning |', '|---|---|---|---|']
  const parts = sections.map((section) => {
    const fields = new Map<string, DocumentedField>()
    for (const field of section.from.flatMap((name) => allFields.get(name) ?? [])) {
      if (!fields.has(field.name)) fields.set(field.name, field)
    }
    const rows = [...fields.values()].map((field) => {
      const { name, type, meaning } = field
      return `| \`${name}\` | \`${cell(spelledOut(type))}\` | ${cell(defaultOf(field, section))} | ${cell(meaning)} |`
    })
    return [`### ${section.title}`, '', section.about, '', ...head, ...rows].join('\n')
  })
  return parts.join('\n\n')
}

function spelledOut(type: string): string {
  const [, owner = '', field = ''] = /^(\w+)\['(\w+)'\]$/.exec(type) ?? []
  const same = allFields.get(owner)?.find(({ name }) => name === field)?.type
  return (same ?? type).replaceAll(/\b[A-Z]\w+\b/g, (name) => aliases.get(name) ?? name)
}

function defaultOf({ name, required, fallback }: DocumentedField, { alternatives = [], given }: Section): string {
  if (alternatives.includes(name)) return `one of ${alternatives.map((other) => `\`${other}\``).join(', ')}`
  if (given === true) return 'always there'
  if (required) return 'required'
  return (fallback ?? 'none').replace(/^(?:'[^']*'|\d+|true|false)/, '`$&`')
}

function cell(text: string): string {
  return text.replaceAll('|', '\\|')
}
