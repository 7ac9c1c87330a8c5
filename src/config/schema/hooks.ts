/**
 * What a config may say about hooks.
 */
import * as field from './fields.ts'

const fields = {
  script: field.path.optional(),
  command: field.list(field.filled, "a program with its arguments, as in ['npm', 'run', 'codegen']").optional(),
}
const either = "expected hook('./file.ts') or hook(['program', 'argument'])"

const hook = field
  .strict(fields, "hook('./file.ts') or hook(['program', 'argument'])")
  .superRefine((value, context) => {
    if ((value.script === undefined) === (value.command === undefined)) context.addIssue(either)
    if (value.command?.length === 0)
      context.addIssue({ code: 'custom', path: ['command'], message: 'expected a program' })
  })

const remembered = field
  .strict(
    { ...fields, once: field.oneOf('per-content').optional() },
    "hook('./file.ts') or hook(['program', 'argument'])",
  )
  .superRefine((value, context) => {
    if ((value.script === undefined) === (value.command === undefined)) context.addIssue(either)
    if (value.once !== undefined && value.script === undefined)
      context.addIssue({ code: 'custom', path: ['once'], message: 'goes with a script only: a command has no content' })
  })

export const hooks = field.strict({
  beforeUp: hook.optional(),
  afterReady: hook.optional(),
  beforeMigrate: hook.optional(),
  afterMigrate: remembered.optional(),
  beforeDown: hook.optional(),
})
