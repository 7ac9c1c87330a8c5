/**
 * What a Dockerfile reads: the files of its context that it can reach, and the images that it starts from.
 *
 * Where the text does not tell (a variable, quotes, a frontend of its own), the whole context is taken: a rebuild too many is
 * noticed and harmless, a stale image is neither.
 */
import type { Instruction } from 'dockerfile-ast'
import type { BuildConfig } from '../../config/types.ts'

export interface Source {
  /** Relative to the context, with `/`; `.` for all of it. May hold the wildcards `*` and `?`. */
  readonly path: string
  /** Line of the Dockerfile, from 1. */
  readonly line: number
  /** It was named plainly, so it must exist. */
  readonly named: boolean
}

export interface DockerfileFacts {
  readonly sources: readonly Source[]
  /** Refs of other images, arguments put in, without stages and `scratch`; sorted. */
  readonly images: readonly string[]
}

/** Reads only the stages that the build needs: the target (or last) one, and those it is made from. */
export async function readDockerfile(
  text: string,
  build: Pick<BuildConfig, 'args' | 'target'>,
): Promise<DockerfileFacts> {
  const { DockerfileParser } = await import('dockerfile-ast')
  const file = DockerfileParser.parse(text)
  const args = new Map<string, string>()
  for (const { name, value } of file.getInitialARGs().flatMap((arg) => propertiesOf(arg))) {
    const given = build.args[name] ?? (value === undefined ? undefined : substitute(value, args))
    if (given !== undefined) args.set(name, given)
  }
  const stages = stagesOf(file.getInstructions(), args)
  const needed = neededStages(stages, build.target)
  const images = needed.flatMap(({ stage, uses }) => (stage.base === undefined ? uses : [stage.base, ...uses]))
  const foreign = images.filter((ref) => ref !== 'scratch' && findStage(stages, ref, stages.length) === undefined)
  const syntax = file
    .getDirectives()
    .find((directive) => directive.getName().toLowerCase() === 'syntax')
    ?.getValue()
  // Another frontend may read what it likes.
  const plain = syntax === undefined || /^(docker\.io\/)?docker\/dockerfile(-upstream)?(:|$)/.test(syntax)
  const sources = plain ? needed.flatMap(({ stage }) => stage.instructions.flatMap(sourcesOf)) : [whole(1)]
  return { sources, images: [...new Set(foreign)].toSorted() }
}

interface Stage {
  readonly name: string | undefined
  /** What stands after FROM; nothing when an argument in it has no value. */
  readonly base: string | undefined
  readonly instructions: Instruction[]
}

interface NeededStage {
  readonly stage: Stage
  /** Stages and images it copies from or mounts. */
  readonly uses: readonly string[]
}

function stagesOf(instructions: readonly Instruction[], args: ReadonlyMap<string, string>): readonly Stage[] {
  const stages: Stage[] = []
  for (const instruction of instructions) {
    const words = argumentsOf(instruction)
    if (instruction.getKeyword() === 'FROM') {
      const name = words[1]?.toLowerCase() === 'as' ? words[2]?.toLowerCase() : undefined
      stages.push({ name, base: words[0] === undefined ? undefined : substitute(words[0], args), instructions: [] })
    } else {
      stages.at(-1)?.instructions.push(instruction)
    }
  }
  return stages
}

function neededStages(stages: readonly Stage[], target: string | undefined): readonly NeededStage[] {
  const last = (target === undefined ? undefined : findStage(stages, target, stages.length)) ?? stages.length - 1
  const needed = new Map<number, NeededStage>()
  const open = [last]
  for (let index = open.pop(); index !== undefined; index = open.pop()) {
    const stage = stages[index]
    if (stage === undefined || needed.has(index)) continue
    const uses = stage.instructions.flatMap(usesOf)
    needed.set(index, { stage, uses })
    for (const name of [stage.base, ...uses]) {
      const other = name === undefined ? undefined : findStage(stages, name, index)
      if (other !== undefined) open.push(other)
    }
  }
  return [...needed].toSorted(([a], [b]) => a - b).map(([, stage]) => stage)
}

/** By name, or by number as old files do. A stage can only be used further down. */
function findStage(stages: readonly Stage[], name: string, before: number): number | undefined {
  const index = stages.findLastIndex((stage, at) => at < before && stage.name === name.toLowerCase())
  if (index >= 0) return index
  return /^\d+$/.test(name) && Number(name) < before ? Number(name) : undefined
}

/** Stages and images that an instruction takes files from. */
function usesOf(instruction: Instruction): readonly string[] {
  const flags = flagsOf(instruction)
  const mounts = flags.filter(({ name }) => name === 'mount').map(({ value }) => mountOf(value)['from'])
  const copies = flags.filter(({ name }) => name === 'from').map(({ value }) => value)
  return [...mounts, ...copies].filter((name) => name !== undefined && !name.includes('$')).map(String)
}

function sourcesOf(instruction: Instruction): readonly Source[] {
  const line = instruction.getRange().start.line + 1
  switch (instruction.getKeyword()) {
    case 'ADD':
    case 'COPY':
      return flagsOf(instruction).some(({ name }) => name === 'from') ? [] : copied(instruction, line)
    case 'RUN':
      return mounted(instruction, line)
    case 'ONBUILD':
      // It acts when a stage further down starts from this one.
      return /^\s*ONBUILD\s+(ADD|COPY|RUN\s+--mount)/i.test(instruction.toString()) ? [whole(line)] : []
    default:
      return []
  }
}

function copied(instruction: Instruction, line: number): readonly Source[] {
  const words = plainWords(instruction)
  const paths = words?.slice(0, -1).filter((word) => !word.startsWith('<<') && !isRemote(word))
  if (paths === undefined || paths.some((path) => unclear.test(path))) return [whole(line)]
  return paths.map((path) => ({ path: cleanPath(path), line, named: !/[*?]/.test(path) }))
}

/** Variables, quotes, escapes, character classes. */
const unclear = /[$"'\\[\]]|\*\*/

/** The words after the flags: of the JSON form, of the plain form, and of the line that starts a here-document. */
function plainWords(instruction: Instruction): readonly string[] | undefined {
  const text = instruction.toString()
  const json = /^\s*\w+\s+(?:--\S+\s+)*(\[.*\])\s*$/s.exec(text)?.[1]
  if (json !== undefined) {
    try {
      const words: unknown = JSON.parse(json)
      if (Array.isArray(words) && words.every((word) => typeof word === 'string')) return words
    } catch {
      return undefined
    }
  }
  // The parser drops escapes, and with them the difference between one word and two.
  const raw = (instruction.getRawArgumentsContent() ?? '').split(/^.*<<.*$/m, 1)[0] ?? ''
  if (/[\\`](?![ \t]*\r?\n)/.test(raw)) return undefined
  const heredoc = instruction.getArguments().find((argument) => argument.getValue().startsWith('<<'))
  return instruction
    .getArguments()
    .filter((argument) => heredoc === undefined || argument.getRange().start.line <= heredoc.getRange().start.line)
    .map((argument) => argument.getValue())
}

function mounted(instruction: Instruction, line: number): readonly Source[] {
  return flagsOf(instruction).flatMap(({ name, value }) => {
    const mount = mountOf(value)
    if (name !== 'mount' || (mount['type'] ?? 'bind') !== 'bind' || mount['from'] !== undefined) return []
    const path = mount['source'] ?? mount['src'] ?? '.'
    return [unclear.test(path) ? whole(line) : { path: cleanPath(path), line, named: true }]
  })
}

function mountOf(value: string | undefined): Readonly<Record<string, string | undefined>> {
  return Object.fromEntries(
    (value ?? '').split(',').map((part) => {
      const at = part.indexOf('=')
      return at < 0 ? [part, ''] : [part.slice(0, at), part.slice(at + 1)]
    }),
  )
}

function whole(line: number): Source {
  return { path: '.', line, named: true }
}

function isRemote(word: string): boolean {
  return /^[a-z][a-z0-9+.-]*:\/\//i.test(word) || /^git@[^/]+:/.test(word)
}

/** A leading `/` means the context. What leads out of it keeps its `..`, and is refused later. */
function cleanPath(path: string): string {
  const parts: string[] = []
  for (const part of path.split('/')) {
    if (part === '' || part === '.') continue
    if (part === '..' && parts.length > 0 && parts.at(-1) !== '..') parts.pop()
    else parts.push(part)
  }
  return parts.length === 0 ? '.' : parts.join('/')
}

function argumentsOf(instruction: Instruction): readonly string[] {
  return instruction.getArguments().map((argument) => argument.getValue())
}

interface FlagText {
  readonly name: string
  readonly value: string | undefined
}

/** The parser gives flags on some classes of instruction only; all of them write them the same way. */
function flagsOf(instruction: Instruction): readonly FlagText[] {
  const flags: FlagText[] = []
  let rest = instruction.toString().replace(/^\s*\w+\s*/, '')
  for (let match = flagPattern.exec(rest); match !== null; match = flagPattern.exec(rest)) {
    flags.push({ name: (match[1] ?? '').toLowerCase(), value: match[2]?.replaceAll(/["']/g, '') })
    rest = rest.slice(match[0].length)
  }
  return flags
}

const flagPattern = /^--([\w-]+)(?:=(\S+))?(?:\s+|$)/

function propertiesOf(arg: Instruction): readonly FlagText[] {
  return argumentsOf(arg).map((word) => {
    const [, name = word, value] = /^([^=]+)=(.*)$/s.exec(word) ?? []
    return { name, value: value?.replace(/^(["'])(.*)\1$/s, '$2') }
  })
}

/** `$V ${V} ${V:-default} ${V-default} ${V:+set}`; nothing when a variable without a value decides. */
function substitute(text: string, values: ReadonlyMap<string, string>): string | undefined {
  let unknown = false
  const result = text.replaceAll(/\$(?:(\w+)|\{(\w+)(?:(:?[-+])([^{}]*))?\})/g, (...groups: unknown[]) => {
    const [, short, long, operator, word] = groups as (string | undefined)[]
    const value = values.get(short ?? long ?? '')
    const set = value !== undefined && !(operator?.startsWith(':') === true && value === '')
    if (operator?.endsWith('+') === true) return set ? (word ?? '') : ''
    if (!set && operator === undefined) unknown = true
    return set ? value : (word ?? '')
  })
  return unknown || result === '' ? undefined : result.replaceAll(/["']/g, '')
}
