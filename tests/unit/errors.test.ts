import { expect, test } from 'vitest'
import { ExitCode, exitCodeOf, PoststackError } from '../../src/errors.ts'

test('an error of a newer copy, whose code is not known here, exits as a step that fails', () => {
  const newer = Object.assign(new PoststackError('USAGE', 'no'), { code: 'OF_TOMORROW' })
  expect(exitCodeOf(newer)).toBe(ExitCode.stepFailed)
  expect(exitCodeOf(Object.assign(new PoststackError('USAGE', 'no'), { code: 'toString' }))).toBe(ExitCode.stepFailed)
  expect(exitCodeOf(new Error('oops'))).toBe(ExitCode.bug)
})
