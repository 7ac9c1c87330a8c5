/**
 * Lines that fit a terminal: broken between words, and what is left stands below where it began. Nothing is broken where no person
 * looks, nor in code that is shown with its caret.
 */
import { stripVTControlCharacters } from 'node:util'

import type { Output } from '../context.ts'

/** On anything narrower a hanging indent leaves no room for words. */
const narrowest = 40
/** No indent reaches further, as a part of the width. */
const deepest = 0.6
const shortIndent = 4

/** Fits a text of any number of lines to the terminal that it is written to. */
export function fit(text: string, { columns, isTTY }: Output): string {
  if (isTTY !== true || columns === undefined || columns < narrowest) return text
  return text
    .split('\n')
    .map((line) => fitLine(line, columns))
    .join('\n')
}

/** The same for help, whose sentences go on over lines that were broken by hand for a wide terminal. */
export function fitHelp(text: string, output: Output): string {
  const narrow = output.isTTY === true && text.split('\n').some((line) => line.length > (output.columns ?? Infinity))
  return fit(narrow ? text.replaceAll(/^(\S.{60,})\n(?=\S)/gm, '$1 ') : text, output)
}

function fitLine(line: string, columns: number): string {
  const plain = stripVTControlCharacters(line)
  if (plain.length <= columns || /^\s*((>\s*)?\d+ \||\|[\s^]*$)/.test(plain)) return line
  const hang = hangOf(plain, columns)
  let [fitted, width] = ['', 0]
  for (const { gap, word } of wordsOf(line, columns)) {
    const length = stripVTControlCharacters(word).length
    // An address is one long word.
    const indent = hang + length > columns ? Math.min(hang, shortIndent) : hang
    if (width > indent && width + gap.length + length > columns) {
      fitted += `\n${' '.repeat(indent)}${word}`
      width = indent + length
    } else {
      // What stood in a column of its own has lost it.
      const between = fitted.includes('\n') && gap.length > 2 ? '  ' : gap
      fitted += between + word
      width += between.length + length
    }
  }
  return fitted
}

/** Words with the blanks before them. One that fills more than a line, such as a list of commands, is cut behind its bars. */
function wordsOf(line: string, columns: number): readonly { readonly gap: string; readonly word: string }[] {
  return [...line.matchAll(/( *)([^ ]+)/g)].flatMap(([, gap = '', word = '']) =>
    word.length <= columns
      ? [{ gap, word }]
      : word.split(/(?<=\|)/).map((part, index) => ({ gap: index === 0 ? gap : '', word: part })),
  )
}

/** Where the column begins that runs over, or the last one before it that leaves room; behind the word that leads it. */
function hangOf(plain: string, columns: number): number {
  const starts = [...plain.matchAll(/(^ *| {2,})(?=\S)/g)].map(({ 0: gap, index }) => index + gap.length)
  const start = starts.findLast((one) => one <= columns * deepest) ?? 0
  return start + (/^(try: |- |\| |warning: )/.exec(plain.slice(start))?.[0].length ?? 0)
}
