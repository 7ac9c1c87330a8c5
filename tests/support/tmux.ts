/**
 * A program on a terminal that draws: what a person sees, and the keys that a person presses.
 */
import { execFile } from 'node:child_process'
import { setTimeout as sleep } from 'node:timers/promises'
import { promisify } from 'node:util'
import { onTestFinished } from 'vitest'
import { cleanEnvironment, cliFile } from './cli.ts'
import type { Project } from './project.ts'

const execute = promisify(execFile)
const patienceMs = 30_000

/** Why there is no tmux here, in the form that `context.skip` and POSTSTACK_REQUIRE take, or nothing. */
export async function tmuxMissing(): Promise<string | undefined> {
  const found = await execute('tmux', ['-V']).catch(() => undefined)
  return found === undefined ? 'tmux: it is not installed (tests/support/prepare-engines.sh does it)' : undefined
}

export interface Screen {
  /** The lines that are on it now, the last ones that hold something. */
  lines(): Promise<readonly string[]>
  /** Waits until the text is on it, and gives its lines then. */
  shows(text: string): Promise<readonly string[]>
  press(...keys: readonly string[]): Promise<void>
}

/** Starts `poststack <words>` on a screen of 100 columns and 40 lines; when it ends, `ended with <code>` is on it. */
export async function openScreen(
  project: Project,
  words: readonly string[],
  variables: Readonly<Record<string, string>> = {},
): Promise<Screen> {
  const socket = `poststack-${project.stack}`
  const tmux = async (...args: readonly string[]): Promise<string> => {
    const plain = { TMUX: undefined, PAGER: undefined, LESS: undefined, LC_ALL: 'C.UTF-8' }
    const env = cleanEnvironment({ ...plain, ...variables })
    return (await execute('tmux', ['-u', '-L', socket, '-f', '/dev/null', ...args], { cwd: project.root, env })).stdout
  }
  const command = [process.execPath, cliFile, ...words, '--runtime', project.runtime]
  const quoted = command.map((word) => `'${word.replaceAll("'", String.raw`'\''`)}'`).join(' ')
  await tmux('new-session', '-d', '-x', '100', '-y', '40', `${quoted}; echo "ended with $?"; sleep 1000`)
  onTestFinished(async () => {
    await tmux('kill-server').catch(() => undefined)
  })
  const lines = async (): Promise<readonly string[]> => {
    const text = await tmux('capture-pane', '-p')
    return text.trimEnd().split('\n')
  }
  return {
    lines,
    shows: async (text) => {
      const until = performance.now() + patienceMs
      for (;;) {
        const seen = await lines()
        if (seen.some((line) => line.includes(text))) return seen
        if (performance.now() > until) throw new Error(`no "${text}" on the screen:\n${seen.join('\n')}`)
        await sleep(50)
      }
    },
    press: async (...keys) => {
      await tmux('send-keys', ...keys)
    },
  }
}
