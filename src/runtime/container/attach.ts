/**
 * Commands in a container with a person's own streams. The engine's program does this: it knows terminals, their sizes and their keys.
 */
import { PoststackError } from '../../errors.ts'
import type { Target } from '../../plan/types.ts'
import { needContainer } from './calls.ts'
import type { Engine } from './engine-connect.ts'
import { findProgram } from '../find-program.ts'
import { installCommands } from '../install.ts'
import type { AttachedProgram, AttachRequest } from '../runtime.ts'

export interface Attaching {
  readonly target: Target
  readonly request: AttachRequest
  readonly signal: AbortSignal
}

export async function attach(engine: Engine, { target, request, signal }: Attaching): Promise<AttachedProgram> {
  const { program } = engine
  const { id, name, state } = await needContainer(engine, target, signal)
  if (state !== 'running')
    throw new PoststackError('NOT_RUNNING', `Container ${name} does not run.`, {
      hint: 'Start it: poststack container start.',
      details: { container: name, state },
    })
  if ((await findProgram(program.name, program.env)) === undefined)
    throw new PoststackError(
      'RUNTIME_MISSING',
      `Running a command in ${name} needs the program "${program.name}", which is not on PATH.`,
      { hint: `Install it with ${installCommands(program.name)}.`, details: { program: program.name } },
    )
  const { command, env, terminal } = request
  // The names alone: the program takes the values from its own environment, so that they stand in no list of processes.
  const names = Object.keys(env).flatMap((variable) => ['-e', variable])
  return {
    program: program.name,
    args: [...program.args, 'exec', '-i', ...(terminal ? ['-t'] : []), ...names, id, ...command],
    env: { ...program.env, ...env },
  }
}
