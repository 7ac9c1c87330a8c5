/**
 * The tables that say what is declared and what runs, as SQL.
 */

/** Their names, in an order in which they can be made. */
export const stackTableNames = ['system_info', 'services', 'containers'] as const

export type StackTableName = (typeof stackTableNames)[number]

/** What makes each table, in the schema that the ledger has made. */
export const createStackTables: Readonly<Record<StackTableName, string>> = {
  system_info: `
CREATE TABLE poststack.system_info (
  name text PRIMARY KEY,
  value text NOT NULL,
  updated_at timestamptz NOT NULL DEFAULT pg_catalog.now()
);
COMMENT ON TABLE poststack.system_info IS 'Facts about the stack that this database belongs to. Written by Poststack only.';
COMMENT ON COLUMN poststack.system_info.updated_at IS 'When the value last changed.';
`,
  services: `
CREATE TABLE poststack.services (
  name text PRIMARY KEY,
  stack text NOT NULL,
  kind text NOT NULL,
  runtime text,
  image text,
  spec_digest text,
  addresses text[] NOT NULL,
  state text NOT NULL,
  updated_at timestamptz NOT NULL DEFAULT pg_catalog.now()
);
COMMENT ON TABLE poststack.services IS 'Services of the stack as poststack up last found them. Written by Poststack only.';
COMMENT ON COLUMN poststack.services.kind IS 'postgres, container, or external: a database that the stack uses but does not run.';
COMMENT ON COLUMN poststack.services.runtime IS 'What runs it: podman, docker or native.';
COMMENT ON COLUMN poststack.services.spec_digest IS 'SHA-256 of the declared specification. It holds no secret.';
COMMENT ON COLUMN poststack.services.addresses IS 'Where the host reaches it, without a password.';
COMMENT ON COLUMN poststack.services.state IS 'running, completed (a job that ended well), stopped, failed, absent, or external.';
COMMENT ON COLUMN poststack.services.updated_at IS 'When anything in the row last changed.';
`,
  containers: `
CREATE TABLE poststack.containers (
  id text PRIMARY KEY,
  service text NOT NULL REFERENCES poststack.services ON DELETE CASCADE,
  name text NOT NULL,
  image text,
  image_id text,
  runtime text NOT NULL,
  state text NOT NULL,
  exit_code integer,
  ports text[] NOT NULL,
  updated_at timestamptz NOT NULL DEFAULT pg_catalog.now()
);
COMMENT ON TABLE poststack.containers IS 'Containers of the stack, or servers of the native runtime, as poststack up last found them. Written by Poststack only.';
COMMENT ON COLUMN poststack.containers.id IS 'The id that the runtime gave it.';
COMMENT ON COLUMN poststack.containers.image_id IS 'The very image it was made from, whatever the name in image leads to by now.';
COMMENT ON COLUMN poststack.containers.state IS 'The runtime''s own word.';
COMMENT ON COLUMN poststack.containers.ports IS 'Ports of the host that it holds.';
COMMENT ON COLUMN poststack.containers.updated_at IS 'When anything in the row last changed.';
`,
}
