/**
 * What a config may say about hooks.
 */
import * as z from 'zod'
import * as field from './fields.ts'

const fields = {
  script: field.path.optional(),
  command: field.list(field.filled, "a program with its arguments, as in ['npm', 'run', 'codegen']").optional(),
}
const oneOfBoth = "hook('./file.ts') or hook(['program', 'argument'])"

interface Said {
  readonly script?: string | undefined
  readonly command?: readonly string[] | undefined
  readonly once?: string | undefined
}

const issuesOf = ({ script, command, once }: Said, context: z.core.$RefinementCtx): void => {
  if ((script === undefined) === (command === undefined)) context.addIssue(`expected ${oneOfBoth}`)
  if (command?.length === 0) context.addIssue({ code: 'custom', path: ['command'], message: 'expected a program' })
  if (once !== undefined && script === undefined)
    context.addIssue({ code: 'custom', path: ['once'], message: 'goes with a script only: a command has no content' })
}

const hook = field
  .strict({ ...fields, once: field.oneOf('per-content').optional() }, oneOfBoth)
  .superRefine((value, context) => {
    issuesOf(value, context)
  })

const eachTime = z.never({ error: 'does not go with `beforeDown`: it is run each time that a stack goes down' })

const beforeDown = field.strict({ ...fields, once: eachTime.optional() }, oneOfBoth).superRefine((value, context) => {
  issuesOf(value, context)
})

export const hooks = field.strict({
  beforeUp: hook.optional(),
  afterReady: hook.optional(),
  beforeMigrate: hook.optional(),
  afterMigrate: hook.optional(),
  beforeDown: beforeDown.optional(),
})
