/** A process of its own that proves rollbacks until it is killed: its last migration sleeps. */
import { connect, type ConnectTarget } from '../../../src/execute/database/database.ts'
import type { Connect } from '../../../src/migrations/connection.ts'
import { verify } from '../../../src/migrations/verify/verify.ts'
import { folderOf, type SqlFiles } from '../../support/migrations.ts'

export interface VerifyOrder {
  readonly target: ConnectTarget
  readonly files: SqlFiles
}

process.on('message', ({ target, files }: VerifyOrder) => {
  const connectTo =
    (database: string): Connect =>
    async ({ applicationName, signal }) =>
      await connect({ ...target, database, applicationName }, signal)
  const signal = new AbortController().signal
  void verify({
    connect: connectTo(target.database),
    connectTo,
    folder: folderOf(files),
    signal,
    toolVersion: '1.2.3',
    rollbacks: true,
    onProof: ({ name }) => process.send?.(name),
  })
})
process.send?.('ready')
