/**
 * The longer help of the commands in group `container`: what each does, two examples, exit codes.
 */
import { exitCodesHelp, exitCodesOf } from './help.ts'

export const containerHelp = `Acts on the containers and images of the stack, and leaves migrations alone. Containers are named by their services, or
by their own names. Containers of other stacks and other checkouts are never touched.

EXAMPLES
  poststack container start
  poststack container logs web --follow

${exitCodesHelp}`

const descriptions = {
  build: `Builds the images that Poststack brings: the base, and PostgreSQL in each declared major version. "up" builds them when they
are missing; this builds them now, and the engine takes from its cache what has not changed.

EXAMPLES
  poststack container build
  poststack container build --image postgres --no-cache
`,
  'build-project': `Builds the project's own images: those of the services, and each folder under containers/ with a Dockerfile or
Containerfile, as <project>/<folder>. The build context of the latter is the project. An image whose files have not
changed is not built again; --no-cache builds it all the same.

EXAMPLES
  poststack container build-project
  poststack container build-project --container web --no-cache
`,
  start: `Starts services and what they depend on, and waits until they are ready: the steps of "up" without migrations. What runs as
declared is left alone. --postgres-port holds for this start; the declared port is that of the config.

EXAMPLES
  poststack container start
  poststack container start db --postgres-port 5435
`,
  stop: `Stops services, those first that depend on others. Containers and data stay. Without names it stops all that is declared,
with --all also what the config no longer has. What is stopped already is done.

EXAMPLES
  poststack container stop
  poststack container stop web
`,
  restart: `Stops services and starts them again, each when what it depends on is ready. What was changed in the config is applied.
A job that has done its work runs again only when it is named.

EXAMPLES
  poststack container restart
  poststack container restart web --wait-timeout 60
`,
  remove: `Removes the containers of services; volumes are kept, so the next start finds the data again. What runs is refused
without --force, which stops it first. What is gone already is done.

EXAMPLES
  poststack container remove web
  poststack container remove --force db web
`,
  status: `Shows each service with its container, its state, and its address on this machine, or why it is not ready.

EXAMPLES
  poststack container status
  poststack container status --json
`,
  list: `Lists the containers of this stack, also those that the config no longer has, and the images that it builds.

EXAMPLES
  poststack container list
  poststack container list --json
`,
  health: `Asks each service now whether it is ready, and for those that are not: why, the last lines of their output, and what to do.
For a service that says nothing better of itself, the health check of its image is run.
Exits with 1 when one is not well.

EXAMPLES
  poststack container health
  poststack container health db --json
`,
  logs: `Shows the output of services, oldest lines first, each line behind the name of its service. With --json each line is an object
with its time and stream. --follow goes on, through restarts, until the services end or Ctrl-C.

EXAMPLES
  poststack container logs --tail 50
  poststack container logs web --follow --since 10m
`,
  exec: `Runs a command in the container of a service. Its exit code is the command's. On a terminal it gets one of its own.

EXAMPLES
  poststack container exec web -- ls -l /
  poststack container exec db -- pg_dump --version
`,
  shell: `Opens a shell in the container of a service: bash where there is one, else sh.

EXAMPLES
  poststack container shell web
  poststack container shell db
`,
  clean: `Removes what is left over: stopped containers of this stack, its network when no container is on it, and its images that were
built from older files. Containers of jobs that have done their work stay, as they are the record of it. With --volumes
the data that no container uses is deleted, too: the exact volumes are shown first, and it asks, or wants --yes.

EXAMPLES
  poststack container clean --dry-run
  poststack container clean --volumes --yes
`,
} as const

export type ContainerCommand = keyof typeof descriptions

export function containerHelpOf(command: ContainerCommand): string {
  return `${descriptions[command]}\n${exitCodesOf(command)}`
}
