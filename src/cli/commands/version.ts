import type { Context } from '../context.ts'

/** `poststack version --json`; without the flag, `main` has answered before this was loaded. */
export function version(this: Context, flags: { readonly json: boolean }): void {
  const document = { version: 1, type: 'version', poststack: POSTSTACK_VERSION, node: process.versions.node }
  this.io.stdout.write(flags.json ? `${JSON.stringify(document)}\n` : `poststack ${POSTSTACK_VERSION}\n`)
}
