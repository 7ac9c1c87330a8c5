/**
 * How a person installs what is missing, under the name that each package manager has for it. Pure.
 */

/** For Debian and Ubuntu, for Fedora, and for Homebrew. */
interface Packages {
  readonly apt: string
  readonly dnf: string
  readonly brew: string
}

const packages = {
  podman: { apt: 'podman', dnf: 'podman', brew: 'podman' },
  docker: { apt: 'docker.io', dnf: 'moby-engine', brew: '--cask docker-desktop' },
  psql: { apt: 'postgresql-client', dnf: 'postgresql', brew: 'libpq' },
} as const satisfies Record<string, Packages>

/** Commands, for the middle of a sentence. */
export function installCommands(program: keyof typeof packages): string {
  return commands(packages[program])
}

/** The same for a server of a major version of PostgreSQL. */
export function installPostgres(major: number): string {
  const number = String(major)
  return commands({
    apt: `postgresql-${number}`,
    dnf: `postgresql${number}-server`,
    brew: `postgresql@${number}`,
  })
}

/** The same for its client programs alone. */
export function installClients(major: number): string {
  const number = String(major)
  return commands({ apt: `postgresql-client-${number}`, dnf: `postgresql${number}`, brew: `postgresql@${number}` })
}

function commands({ apt, dnf, brew }: Packages): string {
  return `\`apt install ${apt}\`, \`dnf install ${dnf}\` or \`brew install ${brew}\``
}
