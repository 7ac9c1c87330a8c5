/**
 * Commands in ways out, as the person who reads them can type them: the package is a project's own in most places, and then `npx` finds it, and a
 * shell does not.
 */

/** How the program was called, by what stands in its arguments and environment. */
export function programName(path: string, env: Readonly<Record<string, string | undefined>>): string {
  // npm and what resembles it put the program on PATH for the length of one run.
  return env['npm_command'] !== undefined || /[\\/]node_modules[\\/]\.bin[\\/]/.test(path)
    ? 'npx poststack'
    : 'poststack'
}

/** Lines that say what to do. Others may be a name or a text of somebody else's. */
const way = /^\s*(?:in .+: )?(?:try|next): |^\s*- |: poststack [a-z]/
/** Not the schema, a role or a database of that name. */
const command = /(?<![\w./@-]|(?:npx|schema|role|user|database|package|folder) )poststack(?= [a-z-])/g

export function asCalled(text: string, program: string): string {
  if (program === 'poststack') return text
  return text
    .split('\n')
    .map((line) => (way.test(line) ? line.replaceAll(command, program) : line))
    .join('\n')
}
