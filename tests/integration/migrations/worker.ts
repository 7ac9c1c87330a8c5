/** A process of its own that migrates the databases it is told to. */
import { connect, type ConnectTarget } from '../../../src/execute/database/database.ts'
import { apply, type SqlFiles } from '../../support/migrations.ts'

export interface WorkerOrder {
  readonly target: ConnectTarget
  readonly files: SqlFiles
}

export interface WorkerReport {
  readonly applied?: readonly string[]
  readonly error?: string
  readonly event?: string
}

function report(message: WorkerReport): void {
  process.send?.(message)
}

process.on('message', (order: WorkerOrder) => {
  const open = async (options: { applicationName: string; signal: AbortSignal }): ReturnType<typeof connect> =>
    await connect({ ...order.target, applicationName: options.applicationName }, options.signal)
  const database = { connect: open } as Parameters<typeof apply>[0]
  apply(database, order.files, { onEvent: (event) => report({ event: event.type }) }).then(
    (result) => report({ applied: result.applied.map((one) => one.version) }),
    (error: unknown) => report({ error: String(error) }),
  )
})
report({ event: 'ready' })
