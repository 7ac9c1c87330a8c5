/** A process of its own that makes migrations in the folder it is told, as fast as it can. */
import { createMigration } from '../../../src/migrations/files/new.ts'

process.on('message', ({ folder, name, count }: { folder: string; name: string; count: number }) => {
  const make = async (): Promise<readonly string[]> => {
    const made: string[] = []
    for (let index = 0; index < count; index++) {
      // oxlint-disable-next-line no-await-in-loop -- one after the other is what a process does
      const { file } = await createMigration({ folder, name, now: new Date(), signal: new AbortController().signal })
      made.push(file)
    }
    return made
  }
  make().then(
    (made) => process.send?.({ made }),
    (error: unknown) => process.send?.({ error: String(error) }),
  )
})
process.send?.('ready')
