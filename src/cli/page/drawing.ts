/**
 * Drawings as SVG: boxes that are links, and the arrows between them. What a drawing shows stands below it in words, too.
 */
import { anchor, html, type Html } from './html.ts'
import { layout, type DrawnEdge, type DrawnNode, type NodeSize, type Point } from './layout.ts'
import type { Mark } from './marks.ts'

export interface Box {
  /** What it is called for those who do not see it. */
  readonly title: string
  /** Id of the place that it leads to. */
  readonly target: string
  readonly mark?: Mark
  readonly name: string
  /** Below the name. */
  readonly lines: readonly string[]
}

export interface Picture {
  /** Unique on the page. */
  readonly id: string
  readonly title: string
  readonly description: string
  readonly boxes: readonly Box[]
  /** Arrows by the indexes of boxes; their heads are at `to`. */
  readonly arrows: readonly { readonly from: number; readonly to: number }[]
  readonly size: NodeSize
  /** The boxes at the end of an arrow stand left of those at its beginning. */
  readonly headsLeft?: boolean
}

/** What a page on a large screen holds beside each other. */
const widest = 1080
const edge = 6

export function picture({ arrows, boxes, description, headsLeft = false, id, size, title }: Picture): Html {
  const links = headsLeft ? arrows.map(({ from, to }) => ({ from: to, to: from })) : arrows
  const drawing = layout(boxes.length, links, { most: widest, size })
  const [width, height] = [round(drawing.width + 2 * edge), round(drawing.height + 2 * edge)]
  const label = `${anchor(id)}-label`
  return html`<div class="picture" role="region" tabindex="0" aria-label="${title}">
    <svg
      viewBox="-${edge} -${edge} ${width} ${height}"
      width="${width}"
      height="${height}"
      role="group"
      aria-labelledby="${label} ${label}-more"
    >
      <title id="${label}">${title}</title>
      <desc id="${label}-more">${description}</desc>
      <g class="arrows" aria-hidden="true">
        ${drawing.edges.map(({ points }) => arrowOf(headsLeft ? points.toReversed() : points))}
      </g>
      ${boxes.map((box, index) => boxOf(box, drawing.nodes[index] ?? { x: 0, y: 0 }, size))}
    </svg>
  </div>`
}

function boxOf({ lines, mark, name, target, title }: Box, { x, y }: DrawnNode, { height, width }: NodeSize): Html {
  const left = mark === undefined ? 12 : 36
  const top = height / 2 + 5 - lines.length * 8.5
  return html`<a href="#${target}" class="box is-${mark ?? 'plain'}" aria-label="${title}"
    ><title>${title}</title>
    <rect class="frame" x="${round(x)}" y="${round(y)}" width="${width}" height="${height}" rx="8" />
    ${
      mark === undefined
        ? undefined
        : html`<rect class="stripe" x="${round(x)}" y="${round(y + 10)}" width="3" height="${height - 20}" /><use
              class="mark"
              href="#mark-${mark}"
              x="${round(x + 12)}"
              y="${round(y + top - 13)}"
              width="16"
              height="16"
            />`
    }<text class="name" x="${round(x + left)}" y="${round(y + top)}">${cut(name, (width - left - 8) / 8.6)}</text>
    ${lines.map((line, index) => html`<text class="line" x="${round(x + left)}" y="${round(y + top + 17 * (index + 1))}">${cut(line, (width - left - 6) / 7)}</text>`)}</a
  > `
}

function arrowOf(points: DrawnEdge['points']): Html {
  const [first, ...rest] = points
  const [before, last] = [points.at(-2), points.at(-1)]
  if (first === undefined || before === undefined || last === undefined) return html``
  const side = last.x >= before.x ? 1 : -1
  const head = { x: last.x - 7 * side, y: last.y }
  const line = [...rest.slice(0, -1), head]
  const path = line.map((point, index) => (index % 2 === 0 ? curve(points[index] ?? point, point) : `L${pair(point)}`))
  return html`<path class="edge" d="M${pair(first)} ${path.join(' ')}" /><path
      class="head"
      d="M${pair(last)} L${pair({ x: last.x - 8 * side, y: last.y - 4 })} L${pair({ x: last.x - 8 * side, y: last.y + 4 })} Z"
    />`
}

/** Leaves and arrives level. */
function curve(from: Point, to: Point): string {
  const middle = (from.x + to.x) / 2
  return `C${pair({ x: middle, y: from.y })} ${pair({ x: middle, y: to.y })} ${pair(to)}`
}

function pair({ x, y }: Point): string {
  return `${String(round(x))},${String(round(y))}`
}

function round(value: number): number {
  return Math.round(value * 10) / 10
}

/** SVG does not cut what is too long. */
function cut(text: string, most: number): string {
  const characters = Array.from(text)
  return characters.length <= most ? text : `${characters.slice(0, Math.max(1, Math.floor(most) - 1)).join('')}…`
}
