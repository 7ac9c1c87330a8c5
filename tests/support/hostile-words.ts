/**
 * Words and bytes that nobody means well with: what steers terminals, breaks out of folders and shells, looks like something else, or is simply
 * too much.
 */
import fc from 'fast-check'

const nasty = [
  '',
  ' ',
  '-',
  '--',
  '---',
  '..',
  '../../../../etc/passwd',
  '/dev/null/x',
  'a\u0000b',
  '\u001b[31mred\u001b[0m',
  '\u001b]0;title\u0007',
  '\u001b[2J\u001b[H',
  '\u009b31m',
  'a\rb',
  'a\nb',
  '\u007f',
  '\u202edcba',
  'dаtabase',
  'ﬁle',
  '\uFEFF',
  '\uD800',
  '😀'.repeat(80),
  'x'.repeat(300),
  'x'.repeat(70_000),
  '__proto__',
  'constructor',
  'toString',
  'hasOwnProperty',
  '%00',
  '%s%n%d',
  '$(touch made)',
  '`touch made`',
  "'; DROP TABLE a; --",
  '"',
  '\\',
  'NaN',
  'Infinity',
  '-1',
  '1e999',
  '99999999999999999999999999',
  '0x10',
  '1_000',
  'null',
  '*',
  '**/*',
  '[',
  '(',
  '{{',
  '${HOME}',
] as const

/** One word: of the list, of any characters, or of both. */
export const word = fc.oneof(
  { weight: 4, arbitrary: fc.constantFrom(...nasty) },
  { weight: 2, arbitrary: fc.string({ unit: 'binary', maxLength: 20 }) },
  {
    weight: 1,
    arbitrary: fc.tuple(fc.constantFrom(...nasty), fc.string({ maxLength: 8 })).map((parts) => parts.join('')),
  },
)

/** What a file may be called: no NUL, no folder, as many bytes as a name may have. */
export const fileName = word.filter(
  (name) =>
    !/[\0/]/.test(name) && !['', '.', '..'].includes(name) && Buffer.byteLength(name) < 200 && isWellFormed(name),
)
/** What a file may hold. */
export const bytes = fc.oneof(
  fc.uint8Array({ maxLength: 200 }),
  word,
  fc.array(word, { maxLength: 6 }).map((words) => words.join('\n')),
  fc.constantFrom(
    Buffer.from('a', 'utf16le'),
    Buffer.from('\uFEFFSELECT 1;', 'utf16le'),
    Buffer.from([0xff, 0xfe, 0x00]),
  ),
)

/** Whether it can be written as UTF-8 and read again. */
export function isWellFormed(text: string): boolean {
  return Buffer.from(text).toString() === text
}

/** So many brackets, one in the other. */
export function deep(depth: number, open: string, close: string): string {
  return open.repeat(depth) + close.repeat(depth)
}
