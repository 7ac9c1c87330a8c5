/**
 * What a database sets for its sessions (`ALTER DATABASE … SET`), read and given to another one.
 */
import { type Connection, isServerError } from '../connection.ts'
import { identifier } from '../sql/quote.ts'

/** For all roles or for one: `setting=value`. */
export interface DatabaseSetting {
  readonly role: string | undefined
  readonly setting: string
}

const settingsSql = `SELECT CASE WHEN s.setrole <> 0 THEN pg_catalog.pg_get_userbyid(s.setrole)::text END AS role, c.setting
FROM pg_catalog.pg_db_role_setting s, pg_catalog.unnest(s.setconfig) AS c(setting)
WHERE s.setdatabase = (SELECT d.oid FROM pg_catalog.pg_database d WHERE d.datname = $1)`

export async function readSettings(admin: Connection, database: string): Promise<readonly DatabaseSetting[]> {
  const { rows } = await admin.query(settingsSql, [database])
  return rows.map(({ role, setting }) => ({
    role: typeof role === 'string' ? role : undefined,
    setting: String(setting),
  }))
}

/** As the server itself writes it down: some settings are lists, and quoted otherwise than all others. `database` is quoted already. */
export async function copySetting(
  admin: Connection,
  database: string,
  { role, setting }: DatabaseSetting,
): Promise<void> {
  const at = setting.indexOf('=')
  const name = setting.slice(0, at)
  const whose = role === undefined ? `DATABASE ${database}` : `ROLE ${identifier(role)} IN DATABASE ${database}`
  await admin.query('BEGIN READ WRITE')
  await admin.query('SELECT pg_catalog.set_config($1, $2, true)', [name, setting.slice(at + 1)])
  await admin.query(`ALTER ${whose} SET ${name.split('.').map(identifier).join('.')} FROM CURRENT`)
  await admin.query('COMMIT')
}

/** Those that a role's own sessions begin with, as far as the role may set them. Time-outs would end sessions that wait for a try-out. */
export async function copySettingsFor(
  admin: Connection,
  database: string,
  settings: readonly DatabaseSetting[],
): Promise<void> {
  const { rows } = await admin.query('SELECT session_user::pg_catalog.text AS role')
  for (const one of settings) {
    if (one.role !== undefined && one.role !== rows[0]?.['role']) continue
    if (/^\w+_timeout=/.test(one.setting)) continue
    try {
      // oxlint-disable-next-line no-await-in-loop -- one connection
      await copySetting(admin, database, one)
    } catch (error) {
      if (!isServerError(error)) throw error
      // oxlint-disable-next-line no-await-in-loop
      await admin.query('ROLLBACK')
    }
  }
}
