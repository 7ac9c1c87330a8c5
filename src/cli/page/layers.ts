/**
 * Layers of a drawing: each node stands right of all it comes from, and what is connected stands close together. An edge that passes a layer
 * has a place of its own in it, so no edge crosses a node. Pure.
 */

/** By the indexes of two nodes. */
export interface Link {
  readonly from: number
  readonly to: number
}

/** A node, or the place where an edge passes a layer. */
export interface Slot {
  /** Index of the node; absent where an edge passes. */
  readonly node?: number
  readonly height: number
  /** Middle, from the top of the drawing. */
  y: number
}

export interface Route extends Link {
  /** From left to right, both ends included. */
  readonly slots: readonly Slot[]
}

export interface Layered {
  readonly layers: readonly (readonly Slot[])[]
  readonly routes: readonly Route[]
}

/** Space between two nodes of a layer; between edges that pass it is less. */
const nodeGap = 22
const passingHeight = 8
const sweeps = 12

/** `links` must be without cycles. */
export function layered(heights: readonly number[], links: readonly Link[]): Layered {
  const ranks = ranksOf(heights.length, links)
  const layers: Slot[][] = Array.from({ length: Math.max(0, ...ranks) + 1 }, () => [])
  const slots = heights.map((height, node): Slot => ({ node, height, y: 0 }))
  for (const [node, slot] of slots.entries()) layers[ranks[node] ?? 0]?.push(slot)
  const routes = links.map(({ from, to }): Route => {
    const passing: Slot[] = []
    for (let layer = (ranks[from] ?? 0) + 1; layer < (ranks[to] ?? 0); layer++) {
      const slot = { height: passingHeight, y: 0 }
      passing.push(slot)
      layers[layer]?.push(slot)
    }
    return { from, to, slots: [slots[from], ...passing, slots[to]].filter((slot) => slot !== undefined) }
  })
  const neighbours = neighboursOf(routes)
  const ordered = order(layers, routes, neighbours)
  place(ordered, neighbours)
  return { layers: ordered, routes }
}

/** The longest way from the left; what nothing comes before moves right, up to what needs it. */
function ranksOf(count: number, links: readonly Link[]): readonly number[] {
  const ranks = Array.from({ length: count }, () => 0)
  // Each pass settles at least one more layer.
  for (let changed = true; changed;) {
    changed = false
    for (const { from, to } of links) {
      const least = (ranks[from] ?? 0) + 1
      if ((ranks[to] ?? 0) >= least) continue
      ranks[to] = least
      changed = true
    }
  }
  const hasBefore = new Set(links.map(({ to }) => to))
  return ranks.map((rank, node) => {
    const after = links.filter(({ from }) => from === node).map(({ to }) => ranks[to] ?? 0)
    return hasBefore.has(node) || after.length === 0 ? rank : Math.min(...after) - 1
  })
}

interface Neighbours {
  readonly before: ReadonlyMap<Slot, readonly Slot[]>
  readonly after: ReadonlyMap<Slot, readonly Slot[]>
}

function neighboursOf(routes: readonly Route[]): Neighbours {
  const before = new Map<Slot, Slot[]>()
  const after = new Map<Slot, Slot[]>()
  for (const { slots } of routes) {
    for (const [index, right] of slots.entries()) {
      const left = slots[index - 1]
      if (left === undefined) continue
      after.set(left, [...(after.get(left) ?? []), right])
      before.set(right, [...(before.get(right) ?? []), left])
    }
  }
  return { before, after }
}

/** Sorts each layer by where its neighbours stand, to and fro, and keeps the order with the fewest crossings. */
function order(
  layers: readonly (readonly Slot[])[],
  routes: readonly Route[],
  neighbours: Neighbours,
): readonly (readonly Slot[])[] {
  let best = layers
  let fewest = crossings(layers, routes)
  let now = layers.map((layer) => [...layer])
  for (let sweep = 0; sweep < sweeps && fewest > 0; sweep++) {
    const forward = sweep % 2 === 0
    const beside = forward ? neighbours.before : neighbours.after
    const positions = positionsIn(now)
    const next = [...now]
    for (const index of forward ? now.keys() : [...now.keys()].toReversed()) {
      const layer = now[index] ?? []
      const weight = new Map(layer.map((slot, at) => [slot, mean(beside.get(slot), positions) ?? at]))
      const sorted = layer.toSorted((one, other) => (weight.get(one) ?? 0) - (weight.get(other) ?? 0))
      next[index] = sorted
      for (const [at, slot] of sorted.entries()) positions.set(slot, at)
    }
    now = next
    const count = crossings(now, routes)
    if (count >= fewest) continue
    fewest = count
    best = now
  }
  return best
}

function positionsIn(layers: readonly (readonly Slot[])[]): Map<Slot, number> {
  return new Map(layers.flatMap((layer) => layer.map((slot, at) => [slot, at] as const)))
}

function mean(slots: readonly Slot[] | undefined, positions: ReadonlyMap<Slot, number>): number | undefined {
  if (slots === undefined || slots.length === 0) return undefined
  return slots.reduce((sum, slot) => sum + (positions.get(slot) ?? 0), 0) / slots.length
}

function crossings(layers: readonly (readonly Slot[])[], routes: readonly Route[]): number {
  const positions = positionsIn(layers)
  const at = (slot: Slot | undefined): number => (slot === undefined ? 0 : (positions.get(slot) ?? 0))
  const pieces = new Map<Slot, number>(layers.flatMap((layer, index) => layer.map((slot) => [slot, index] as const)))
  const between: (readonly [number, number])[][] = layers.map(() => [])
  for (const { slots } of routes) {
    for (const [index, slot] of slots.slice(0, -1).entries())
      between[pieces.get(slot) ?? 0]?.push([at(slot), at(slots[index + 1])])
  }
  let count = 0
  for (const lines of between) {
    for (const [index, [left, right]] of lines.entries())
      for (const [otherLeft, otherRight] of lines.slice(index + 1))
        if ((left - otherLeft) * (right - otherRight) < 0) count++
  }
  return count
}

/** Gives each slot its height on the page: as near to its neighbours as the others of its layer allow. */
function place(layers: readonly (readonly Slot[])[], { after, before }: Neighbours): void {
  for (const layer of layers)
    settle(
      layer,
      layer.map(() => 0),
    )
  for (let sweep = 0; sweep < sweeps; sweep++) {
    const forward = sweep % 2 === 0
    for (const layer of forward ? layers : layers.toReversed()) {
      const wanted = layer.map((slot) => {
        // The last ones look to both sides.
        const beside =
          sweep < sweeps - 2
            ? ((forward ? before : after).get(slot) ?? [])
            : [...(before.get(slot) ?? []), ...(after.get(slot) ?? [])]
        return beside.length === 0 ? slot.y : beside.reduce((sum, { y }) => sum + y, 0) / beside.length
      })
      settle(layer, wanted)
    }
  }
  const top = Math.min(...layers.flat().map(({ height, y }) => y - height / 2))
  for (const slot of layers.flat()) slot.y -= top
}

/** The places nearest to those wanted (least squares) that keep order and distance: neighbours that want the same place share it. */
function settle(layer: readonly Slot[], wanted: readonly number[]): void {
  let offset = 0
  const offsets = layer.map((slot, index) => {
    const previous = layer[index - 1]
    if (previous !== undefined) offset += (previous.height + slot.height) / 2 + gapOf(previous, slot)
    return offset
  })
  const blocks: { sum: number; count: number }[] = []
  for (const [index, want] of wanted.entries()) {
    let block = { sum: want - (offsets[index] ?? 0), count: 1 }
    for (
      let last = blocks.at(-1);
      last !== undefined && last.sum / last.count > block.sum / block.count;
      last = blocks.at(-1)
    ) {
      blocks.pop()
      block = { sum: last.sum + block.sum, count: last.count + block.count }
    }
    blocks.push(block)
  }
  const places = blocks.flatMap(({ count, sum }) => Array.from({ length: count }, () => sum / count))
  for (const [index, slot] of layer.entries()) slot.y = (places[index] ?? 0) + (offsets[index] ?? 0)
}

function gapOf(one: Slot, other: Slot): number {
  return one.node === undefined && other.node === undefined ? nodeGap / 2 : nodeGap
}
