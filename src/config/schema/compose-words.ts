/** What people who come from compose write, and what it is called here; a word that is near ours needs no entry. */
const words: Readonly<Record<string, string>> = {
  environment: 'env',
  hostname: 'aliases',
  interval: 'intervalSeconds',
  mem_limit: 'memory',
  published: 'host',
  pull_policy: 'pull',
  start_period: 'startSeconds',
  stop_grace_period: 'stopGraceSeconds',
  test: 'command',
  timeout: 'timeoutSeconds',
  tmpfs: 'volumes',
  working_dir: 'workdir',
}

/** The key that is meant, where it may stand. */
export function fromCompose(word: string, known: readonly string[]): string | undefined {
  const ours = Object.hasOwn(words, word) ? words[word] : undefined
  return ours !== undefined && known.includes(ours) ? ours : undefined
}
