import { relative } from 'node:path'

import { ExitCode, exitCodeOf, isPoststackError, PoststackError, recordError } from '../../../errors.ts'
import { checkTypes, type TypeMistake } from '../../../stack/check-types.ts'
import { readEnvironment } from '../../../config/environment/environment.ts'
import { findConfig, isData } from '../../../config/load/find.ts'
import type { ReadConfig } from '../../../stack/read-config.ts'
import type { Context } from '../../context.ts'
import type { CommonFlags } from '../../flags.ts'
import { readDeclared, runConfig, type ConfigSession } from '../../config-session.ts'

interface ValidateFlags extends CommonFlags {
  readonly types: boolean
}

/** `poststack config-validate` */
export async function configValidate(this: Context, flags: ValidateFlags): Promise<void> {
  await runConfig(this, flags, async (session) => {
    const { report } = session
    // Both look at the same file, and neither waits for the other.
    const [read, types] = await Promise.allSettled([
      readWhole(session),
      flags.types ? typeMistakes(session) : undefined,
    ])
    const failures = [read, types].flatMap((ended) => (ended.status === 'rejected' ? [ended.reason as unknown] : []))
    const told = new Set<string>()
    for (const error of failures) {
      if (!isPoststackError(error)) throw error
      // Both read the variables first, and find the same wrong with them.
      if (!told.has(error.message)) report.error(recordError(error))
      told.add(error.message)
    }
    const [first] = failures
    if (read.status === 'rejected' || first !== undefined) return exitCodeOf(first)
    const { config } = read.value.parsed
    const file = shortFile(read.value, session)
    const names = config.services.map(({ name }) => name)
    const count = names.length === 1 ? 'one service' : `${String(names.length)} services`
    const checked = flags.types && file !== undefined ? ', and TypeScript has nothing to say against it' : ''
    report.result(
      {
        type: 'config-valid',
        ...(file !== undefined && { file }),
        stack: config.name,
        services: names,
        types: flags.types,
      },
      `${file ?? 'what conventions declare'} is right: stack ${config.name} with ${count}${checked}\n`,
    )
    return ExitCode.ok
  })
}

async function readWhole(session: ConfigSession): Promise<ReadConfig> {
  const read = await readDeclared(session)
  const problem = read.parsed.fileProblem(read.parsed.config.services.map(({ name }) => name))
  if (problem !== undefined) throw problem
  return read
}

function shortFile({ loaded }: ReadConfig, { io }: ConfigSession): string | undefined {
  return loaded.file === undefined ? undefined : relative(io.cwd, loaded.file)
}

async function typeMistakes({ flags, io }: ConfigSession): Promise<void> {
  const { cwd, env, signal } = io
  const environment = await readEnvironment({ cwd, env, signal, configFile: flags.config })
  const found = await findConfig(cwd, environment.configFile)
  if (found === undefined || isData(found.file)) return
  const mistakes = await checkTypes({ file: found.file, env, signal })
  if (mistakes.length === 0) return
  const lines = mistakes.map((mistake) => `  ${placeText(mistake, found.root)}${mistake.message} (${mistake.code})`)
  const count = mistakes.length === 1 ? 'one mistake' : `${String(mistakes.length)} mistakes`
  throw new PoststackError('CONFIG_INVALID', `TypeScript finds ${count}:\n${lines.join('\n')}`, {
    details: { file: found.file, issues: mistakes },
  })
}

function placeText({ file, line, column }: TypeMistake, root: string): string {
  return file === undefined ? '' : `${relative(root, file)}:${String(line)}:${String(column)}: `
}
