import { appendFileSync } from 'node:fs'
import type { Reporter, TestCase, TestModule, TestRunEndReason, Vitest } from 'vitest/node'

/**
 * Ends a run with one plain line, `N passed, N failed`, after vitest's own summary, and says why tests were skipped.
 *
 * A test that needs an engine which is not there calls `context.skip('podman: why it is not there')`. With
 * `POSTSTACK_REQUIRE=native,podman` such a skip fails the run, and so does one that gives no reason: a machine that
 * promises an engine must not be green because the engine was gone.
 *
 * With `POSTSTACK_FAILURES=FILE` what failed is written there too, each with its words, for a log of which only the end is kept.
 */
export default class CountReporter implements Reporter {
  readonly #required = (process.env['POSTSTACK_REQUIRE'] ?? '').split(',').filter((name) => name !== '')
  #filtered = false

  onInit(vitest: Vitest): void {
    this.#filtered = vitest.config.testNamePattern !== undefined
  }

  onTestRunEnd(modules: readonly TestModule[], errors: readonly unknown[], reason: TestRunEndReason): void {
    const tests = modules.flatMap((module) => [...module.children.allTests()])
    const count = (state: string): number => tests.filter((test) => test.result().state === state).length
    const skipped = this.#filtered ? [] : tests.filter((test) => test.result().state === 'skipped')
    const refused = skipped.filter((test) => this.#isRequired(test))
    // A file that cannot be loaded, or an error outside every test, fails without any test that failed.
    const broken = modules.filter((module) => module.state() === 'failed' && noneFailed(module)).length
    const failed = count('failed') + broken + errors.length + refused.length

    for (const test of refused) console.error(`required, but skipped: ${test.module.moduleId}: ${test.fullName}`)
    keep([
      ...tests.filter((test) => test.result().state === 'failed').map((test) => failureOf(test, test.result().errors)),
      ...modules.filter((module) => module.state() === 'failed').map((module) => failureOf(module, module.errors())),
      ...errors.map((error) => `outside every test\n${wordsOf(error)}`),
      ...refused.map((test) => `${nameOf(test)}\n  required, but skipped`),
    ])
    if (refused.length > 0 || (reason === 'interrupted' && failed === 0)) process.exitCode = 1
    for (const [why, times] of tally(skipped.map(noteOf))) console.log(`skipped ${times}: ${why}`)
    console.log(`${count('passed')} passed, ${failed} failed`)
  }

  #isRequired(test: TestCase): boolean {
    const note = noteOf(test)
    if (this.#required.length === 0) return false
    // With POSTSTACK_ONLY those of the engines that it leaves out are to be skipped, which give no reason of their own.
    if (note === NO_REASON) return process.env['POSTSTACK_ONLY'] === undefined
    return this.#required.some((engine) => note.startsWith(`${engine}:`))
  }
}

function keep(failures: readonly string[]): void {
  const file = process.env['POSTSTACK_FAILURES'] ?? ''
  const told = failures.filter((failure) => failure !== '')
  if (file !== '' && told.length > 0) appendFileSync(file, `${told.join('\n\n')}\n\n`)
}

/** The test or file by its name, and the words of what went wrong in it; nothing where nothing did in itself. */
function failureOf(of: TestCase | TestModule, errors: readonly unknown[] | undefined): string {
  return (errors ?? []).length === 0 ? '' : [nameOf(of), ...(errors ?? []).map(wordsOf)].join('\n')
}

function nameOf(of: TestCase | TestModule): string {
  return of.type === 'module' ? of.relativeModuleId : `${of.module.relativeModuleId} > ${of.fullName}`
}

/** What an error says, indented: as many lines as tell one from another, and the place in the test. */
function wordsOf(error: unknown): string {
  const { message, diff, stacks } = error as {
    message?: string
    diff?: string
    stacks?: { file: string; line: number }[]
  }
  const at = stacks?.[0]
  const lines = [message ?? String(error), diff ?? ''].join('\n').split('\n')
  const place = at === undefined ? [] : [`at ${at.file}:${at.line}`]
  return [...lines.slice(0, 40), ...place].map((line) => `  ${line}`).join('\n')
}

const NO_REASON = 'no reason given'

function noteOf(test: TestCase): string {
  const result = test.result()
  return (result.state === 'skipped' && result.note) || NO_REASON
}

function noneFailed(module: TestModule): boolean {
  return [...module.children.allTests('failed')].length === 0
}

function tally(words: readonly string[]): Map<string, number> {
  const times = new Map<string, number>()
  for (const word of words) times.set(word, (times.get(word) ?? 0) + 1)
  return times
}
