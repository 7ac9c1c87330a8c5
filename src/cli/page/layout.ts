/**
 * Where the nodes and edges of a drawing stand. What hangs together is drawn together; parts stand beside and below each other, and
 * what hangs on nothing in rows at the end. Pure.
 */
import { layered, type Link, type Route, type Slot } from './layers.ts'

export interface DrawnNode {
  /** Left upper corner. */
  readonly x: number
  readonly y: number
}

export interface Point {
  readonly x: number
  readonly y: number
}

export interface DrawnEdge {
  /** Indexes of the nodes, as they were given. */
  readonly from: number
  readonly to: number
  /** Points in pairs: a curve leads from the first of a pair to the second, and a straight line on to the next pair. */
  readonly points: readonly Point[]
}

export interface Drawing {
  readonly width: number
  readonly height: number
  /** One for each node. */
  readonly nodes: readonly DrawnNode[]
  /** Without those that lead from a node to itself; of several between two nodes, one. */
  readonly edges: readonly DrawnEdge[]
}

export interface NodeSize {
  readonly width: number
  readonly height: number
}

/** All nodes have one size. Edges may lead in circles. `most` is the width that parts beside each other may fill. */
export function layout(
  count: number,
  links: readonly Link[],
  { most, size }: { readonly most: number; readonly size: NodeSize },
): Drawing {
  const forward = withoutCycles(count, links)
  const parts = partsOf(count, forward)
  const connected = parts.filter((part) => part.length > 1)
  const drawn = connected
    .map((part) => drawPart(part, forward, { most, size }))
    .toSorted((one, other) => other.height - one.height || one.first - other.first)
  const alone = parts.flatMap((part) =>
    part.length === 1
      ? [{ ...size, first: part[0] ?? 0, nodes: new Map([[part[0] ?? 0, { x: 0, y: 0 }]]), edges: [] }]
      : [],
  )
  return shelve([...drawn, ...alone], count, { most, turned: turnedLinks(forward) })
}

interface Directed extends Link {
  /** It leads the other way, to break a circle. */
  readonly turned: boolean
}

function turnedLinks(links: readonly Directed[]): ReadonlySet<string> {
  return new Set(links.filter(({ turned }) => turned).map(({ from, to }) => `${String(from)} ${String(to)}`))
}

/** Each pair once; what closes a circle is turned round. */
function withoutCycles(count: number, links: readonly Link[]): readonly Directed[] {
  const next = Array.from({ length: count }, () => new Set<number>())
  for (const { from, to } of links) if (from !== to) next[from]?.add(to)
  const state = new Map<number, 'open' | 'done'>()
  const found = new Map<string, Directed>()
  const keep = (from: number, to: number, turned: boolean): void => {
    const key = `${String(from)} ${String(to)}`
    if (!found.has(key)) found.set(key, { from, to, turned })
  }
  for (let start = 0; start < count; start++) {
    if (state.has(start)) continue
    state.set(start, 'open')
    const path = [{ node: start, left: [...(next[start] ?? [])] }]
    for (let top = path.at(-1); top !== undefined; top = path.at(-1)) {
      const to = top.left.shift()
      if (to === undefined) {
        state.set(top.node, 'done')
        path.pop()
      } else if (state.get(to) === 'open') keep(to, top.node, true)
      else {
        keep(top.node, to, false)
        if (!state.has(to)) {
          state.set(to, 'open')
          path.push({ node: to, left: [...(next[to] ?? [])] })
        }
      }
    }
  }
  return [...found.values()]
}

/** Which nodes hang together, each part in the order of the nodes. */
function partsOf(count: number, links: readonly Link[]): readonly (readonly number[])[] {
  const parent = Array.from({ length: count }, (_, node) => node)
  const rootOf = (node: number): number => {
    let at = node
    while (parent[at] !== at) at = parent[at] ?? at
    return at
  }
  for (const { from, to } of links) parent[rootOf(to)] = rootOf(from)
  const parts = new Map<number, number[]>()
  for (let node = 0; node < count; node++) parts.set(rootOf(node), [...(parts.get(rootOf(node)) ?? []), node])
  return [...parts.values()]
}

interface DrawnPart extends NodeSize {
  readonly first: number
  readonly nodes: ReadonlyMap<number, DrawnNode>
  readonly edges: readonly DrawnEdge[]
}

/** Between two layers; more where many edges pass between them, and less where the drawing would be too wide. */
const layerGap = { least: 48, usual: 64, most: 140 }
const fitEdges = 10

function drawPart(
  part: readonly number[],
  links: readonly Link[],
  { most, size }: { readonly most: number; readonly size: NodeSize },
): DrawnPart {
  const local = new Map(part.map((node, index) => [node, index]))
  const mine = links.flatMap(({ from, to }) => {
    const [left, right] = [local.get(from), local.get(to)]
    return left === undefined || right === undefined ? [] : [{ from: left, to: right }]
  })
  const { layers, routes } = layered(
    part.map(() => size.height),
    mine,
  )
  const wished = Math.min(layerGap.most, layerGap.usual + Math.max(0, mine.length - fitEdges) * 2)
  const room = (most - layers.length * size.width) / Math.max(1, layers.length - 1)
  const gap = Math.max(layerGap.least, Math.min(wished, room))
  const leftOf = new Map<Slot, number>()
  for (const [index, layer] of layers.entries()) for (const slot of layer) leftOf.set(slot, index * (size.width + gap))
  const all = layers.flat()
  const nodes = new Map(
    all.flatMap((slot) =>
      slot.node === undefined
        ? []
        : [[part[slot.node] ?? 0, { x: leftOf.get(slot) ?? 0, y: slot.y - size.height / 2 }] as const],
    ),
  )
  const ends = endsOf(routes, size.height)
  const edges = routes.map((route) => ({
    from: part[route.from] ?? 0,
    to: part[route.to] ?? 0,
    points: route.slots.flatMap((slot, index) => {
      const left = leftOf.get(slot) ?? 0
      const { leaves, arrives } = ends.get(route) ?? { leaves: 0, arrives: 0 }
      if (index === 0) return [{ x: left + size.width, y: slot.y + leaves }]
      if (index === route.slots.length - 1) return [{ x: left, y: slot.y + arrives }]
      return [
        { x: left, y: slot.y },
        { x: left + size.width, y: slot.y },
      ]
    }),
  }))
  return {
    first: part[0] ?? 0,
    nodes,
    edges,
    width: layers.length * (size.width + gap) - gap,
    height: Math.max(...all.map(({ height, y }) => y + height / 2)),
  }
}

interface Ends {
  readonly leaves: number
  readonly arrives: number
}

/** Edges at one side of a node stand apart, in the order of where they lead to. */
function endsOf(routes: readonly Route[], height: number): ReadonlyMap<Route, Ends> {
  const leaves = spread(routes, ({ slots }) => [slots[0], slots[1]], height)
  const arrives = spread(routes, ({ slots }) => [slots.at(-1), slots.at(-2)], height)
  return new Map(routes.map((route) => [route, { leaves: leaves.get(route) ?? 0, arrives: arrives.get(route) ?? 0 }]))
}

function spread(
  routes: readonly Route[],
  endOf: (route: Route) => readonly [Slot | undefined, Slot | undefined],
  height: number,
): ReadonlyMap<Route, number> {
  const sides = new Map<Slot, Route[]>()
  for (const route of routes) {
    const [slot] = endOf(route)
    if (slot !== undefined) sides.set(slot, [...(sides.get(slot) ?? []), route])
  }
  const places = new Map<Route, number>()
  for (const mine of sides.values()) {
    const sorted = mine.toSorted((one, other) => (endOf(one)[1]?.y ?? 0) - (endOf(other)[1]?.y ?? 0))
    const step = Math.min(12, (height - 16) / sorted.length)
    for (const [index, route] of sorted.entries()) places.set(route, (index - (sorted.length - 1) / 2) * step)
  }
  return places
}

const partGap = 36

/** Parts stand in rows, as books do, and those that hang on nothing at the end. */
function shelve(
  parts: readonly DrawnPart[],
  count: number,
  { most, turned }: { readonly most: number; readonly turned: ReadonlySet<string> },
): Drawing {
  const nodes: DrawnNode[] = Array.from({ length: count }, () => ({ x: 0, y: 0 }))
  const edges: DrawnEdge[] = []
  let [x, y, row, width] = [0, 0, 0, 0]
  for (const [index, part] of parts.entries()) {
    const gap = part.edges.length === 0 ? partGap / 2 : partGap
    const begins = part.edges.length === 0 && (parts[index - 1]?.edges.length ?? 0) > 0
    if (x > 0 && (begins || x + part.width > most)) {
      y += row + (begins ? partGap : gap)
      ;[x, row] = [0, 0]
    }
    const [left, top] = [x, y]
    for (const [node, at] of part.nodes) nodes[node] = { x: at.x + left, y: at.y + top }
    for (const edge of part.edges) edges.push(moved(edge, { x: left, y: top }, turned))
    width = Math.max(width, x + part.width)
    row = Math.max(row, part.height)
    x += part.width + gap
  }
  return { width, height: y + row, nodes, edges }
}

function moved({ from, points, to }: DrawnEdge, by: Point, turned: ReadonlySet<string>): DrawnEdge {
  const at = points.map(({ x, y }) => ({ x: x + by.x, y: y + by.y }))
  return turned.has(`${String(from)} ${String(to)}`)
    ? { from: to, to: from, points: at.toReversed() }
    : { from, to, points: at }
}
