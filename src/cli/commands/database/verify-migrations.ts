import { interruptionWith } from '../../../abort.ts'
import { ExitCode, PoststackError } from '../../../errors.ts'
import { invalid } from '../../../migrations/files/parse.ts'
import { findingsOfFolder } from '../../../migrations/verify/texts.ts'
import { verify } from '../../../migrations/verify/verify.ts'
import type { Context } from '../../context.ts'
import { runDatabase } from '../../database-session.ts'
import type { DatabaseFlags } from '../../flags-database.ts'
import { githubText, sarifText, type FindingPlaces } from '../../report/verify-formats.ts'
import { verificationText } from '../../report/verify-words.ts'

interface VerifyFlags extends DatabaseFlags {
  readonly rollbacks: boolean
  readonly drift: boolean
  readonly format: 'human' | 'github' | 'sarif'
}

const formats = { github: githubText, sarif: sarifText }

/** `poststack database verify-migrations` */
export async function verifyMigrations(this: Context, flags: VerifyFlags): Promise<void> {
  await runDatabase(this, flags, async ({ facts, inspectFolder, io, report, signal, target }) => {
    const { drift, format, rollbacks } = flags
    if (flags.json && format !== 'human') {
      throw new PoststackError('USAGE', `--json and --format ${format} are two forms of one answer.`, {
        hint: 'Give one of them.',
      })
    }
    const folder = await inspectFolder()
    const places: FindingPlaces = { folder: folder.path, base: io.env['GITHUB_WORKSPACE'] ?? io.cwd }
    if (folder.problems.length > 0) {
      const findings = findingsOfFolder(folder.problems)
      const nothing = { ok: false, files: folder.migrations.length, applied: 0, proofs: [] }
      const document = { type: 'verification', database: facts, ...nothing, findings } as const
      // Whoever shows the findings beside the code reads nothing else; the error is for the log.
      if (format !== 'human') report.result(document, formats[format](document, places))
      throw invalid(folder.problems)
    }
    const { connect, connectTo } = target
    const found = await verify({
      connect,
      connectTo,
      folder,
      signal,
      toolVersion: POSTSTACK_VERSION,
      rollbacks,
      drift,
      onProof: ({ file, name, verdict, version }, number, total) => {
        report.event({ type: 'rollback-proved', migration: version, name, file, verdict, number, total })
      },
    }).catch((error: unknown) => {
      // What a run had done by then, it had done in a throw-away database.
      throw signal.aborted ? interruptionWith(signal, 'the database was not touched.', { hint: 'Run again.' }) : error
    })
    const document = { type: 'verification', database: facts, ...found } as const
    report.result(document, format === 'human' ? verificationText(document) : formats[format](document, places))
    return found.ok ? ExitCode.ok : ExitCode.stepFailed
  })
}
