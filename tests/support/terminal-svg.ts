/**
 * What a terminal shows, as a picture: text with ANSI colours in, SVG out. No browser is needed, and the text stays text.
 */

interface Style {
  readonly colour: string | undefined
  readonly bold: boolean
  readonly dim: boolean
}

interface Span extends Style {
  readonly text: string
}

// Of a dark terminal, each readable on the background below.
const colours: Readonly<Record<number, string>> = {
  31: '#ff7b72',
  32: '#7ee787',
  33: '#e3b341',
  34: '#79c0ff',
  35: '#d2a8ff',
  36: '#76e3ea',
  90: '#9198a1',
}
const plain: Style = { colour: undefined, bold: false, dim: false }
const column = 8.4
const row = 19
const margin = 16

/** Lines with ANSI colours, as a window with its command above them. */
export function terminalSvg({ command, output }: { readonly command: string; readonly output: string }): string {
  const lines = [[...prompt(), { ...plain, bold: true, text: command }], ...spansOf(output.trimEnd())]
  const columns = Math.max(60, ...lines.map((spans) => lengthOf(spans)))
  const width = Math.ceil(columns * column + 2 * margin)
  const height = lines.length * row + 2 * margin
  const texts = lines.flatMap((spans, index) => textElement(spans, margin + (index + 0.75) * row))
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}" role="img">`,
    `<title>${escaped(command)}</title>`,
    `<rect width="100%" height="100%" rx="8" fill="#0d1117"/>`,
    `<g font-family="ui-monospace, SFMono-Regular, Menlo, Consolas, 'DejaVu Sans Mono', monospace" font-size="14" fill="#e6edf3">`,
    ...texts,
    '</g>',
    '</svg>',
    '',
  ].join('\n')
}

/** The lines of a picture, the command first; blanks between pieces are lost. */
export function linesOfSvg(svg: string): readonly string[] {
  const lines = svg.split('\n').filter((line) => line.startsWith('<text '))
  return lines.map((line) => unescaped([...line.matchAll(/>([^<]+)</g)].map(([, text]) => text).join(' ')))
}

function prompt(): readonly Span[] {
  return [{ ...plain, dim: true, text: '$ ' }]
}

/** Each piece has its place and its width, so that columns stand below each other in every font. Runs of blanks are no text: viewers join them. */
function textElement(spans: readonly Span[], y: number): string {
  let at = 0
  const parts: string[] = []
  for (const span of spans) {
    for (const { 0: text, index } of span.text.matchAll(/\S+(?: \S+)*/g)) {
      const place = `x="${round(margin + (at + index) * column)}" textLength="${round(text.length * column)}"`
      parts.push(`<tspan ${place}${look(span)}>${escaped(text)}</tspan>`)
    }
    at += span.text.length
  }
  return `<text y="${round(y)}">${parts.join('')}</text>`
}

function look({ bold, colour, dim }: Style): string {
  const fill = colour ?? (dim ? '#9198a1' : undefined)
  return `${fill === undefined ? '' : ` fill="${fill}"`}${bold ? ' font-weight="bold"' : ''}`
}

function spansOf(output: string): readonly (readonly Span[])[] {
  let style = plain
  return output.split('\n').map((line) => {
    const spans: Span[] = []
    const [before = '', ...parts] = line.split('\u001B[')
    if (before !== '') spans.push({ ...style, text: before })
    for (const part of parts) {
      const end = part.indexOf('m')
      for (const code of part.slice(0, end).split(';')) style = changed(style, Number(code))
      if (end + 1 < part.length) spans.push({ ...style, text: part.slice(end + 1) })
    }
    return spans
  })
}

function changed(style: Style, code: number): Style {
  if (code === 0) return plain
  if (code === 1) return { ...style, bold: true }
  if (code === 2) return { ...style, dim: true }
  if (code === 22) return { ...style, bold: false, dim: false }
  if (code === 39) return { ...style, colour: undefined }
  const colour = colours[code]
  if (colour === undefined) throw new Error(`there is no picture of the ANSI code ${String(code)}`)
  return { ...style, colour }
}

function lengthOf(spans: readonly Span[]): number {
  return spans.reduce((length, { text }) => length + text.length, 0)
}

function round(value: number): string {
  return String(Math.round(value * 10) / 10)
}

function escaped(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('"', '&quot;')
}

function unescaped(text: string): string {
  return text.replaceAll('&quot;', '"').replaceAll('&gt;', '>').replaceAll('&lt;', '<').replaceAll('&amp;', '&')
}
