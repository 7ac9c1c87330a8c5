/** A word of a command that people read and paste, as a shell reads it back. Nothing is ever run from it. */
export function shellWord(word: string): string {
  return /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", String.raw`'\''`)}'`
}
