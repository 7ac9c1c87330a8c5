import fc from 'fast-check'
import { expect, test } from 'vitest'
import { layout, type DrawnEdge, type DrawnNode, type Point } from '../../../../src/cli/page/layout.ts'

const size = { width: 200, height: 60 }

test('a node must stand right of all that it comes from, and long edges must have a place of their own', () => {
  const links = [
    { from: 0, to: 1 },
    { from: 1, to: 2 },
    { from: 0, to: 2 },
  ]
  const { edges, height, nodes } = layout(4, links, { most: 1000, size })
  const [first, second, third, alone] = nodes
  expect([first?.x, second?.x, third?.x]).toEqual([0, 264, 528])
  // What hangs on nothing stands below.
  expect(alone?.y).toBe(height - size.height)
  expect(edges.map(({ points }) => points.length)).toEqual([2, 2, 4])
})

test('a circle must be drawn, with its heads where they belong', () => {
  const links = [
    { from: 0, to: 1 },
    { from: 1, to: 0 },
    { from: 1, to: 1 },
  ]
  const { edges, nodes } = layout(2, links, { most: 1000, size })
  expect(edges).toHaveLength(1)
  expect(nodes.map(({ x }) => x)).toEqual([0, 264])
})

test('whatever is drawn, no two nodes overlap, no edge crosses a node, and all lies within the drawing', () => {
  const graph = fc
    .integer({ min: 1, max: 14 })
    .chain((count) =>
      fc.tuple(
        fc.constant(count),
        fc.array(fc.record({ from: fc.nat(count - 1), to: fc.nat(count - 1) }), { maxLength: 24 }),
      ),
    )
  fc.assert(
    fc.property(graph, ([count, links]) => {
      const drawing = layout(count, links, { most: 900, size })
      expect(drawing.nodes).toHaveLength(count)
      for (const [index, node] of drawing.nodes.entries()) {
        expect(node.x >= -0.01 && node.x + size.width <= drawing.width + 0.01).toBe(true)
        expect(node.y >= -0.01 && node.y + size.height <= drawing.height + 0.01).toBe(true)
        expect(drawing.nodes.slice(index + 1).filter((other) => overlap(node, other))).toEqual([])
      }
      for (const edge of drawing.edges)
        expect(alongEdge(edge).filter((point) => drawing.nodes.some((node) => isInside(point, node)))).toEqual([])
      const wanted = new Set(links.filter(({ from, to }) => from !== to).map(({ from, to }) => pairOf(from, to)))
      expect(new Set(drawing.edges.map(({ from, to }) => pairOf(from, to)))).toEqual(wanted)
    }),
    { numRuns: 200 },
  )
})

function pairOf(from: number, to: number): string {
  return [from, to].toSorted((one, other) => one - other).join(' ')
}

function overlap(one: DrawnNode, other: DrawnNode): boolean {
  return Math.abs(one.x - other.x) < size.width && Math.abs(one.y - other.y) < size.height
}

function isInside({ x, y }: Point, node: DrawnNode): boolean {
  return x > node.x + 0.5 && x < node.x + size.width - 0.5 && y > node.y + 0.5 && y < node.y + size.height - 0.5
}

/** Points of its curves and lines, as they are drawn. */
function alongEdge({ points }: DrawnEdge): readonly Point[] {
  return points.slice(1).flatMap((to, index) => {
    const from = points[index] ?? to
    return Array.from({ length: 21 }, (_, step) => {
      const at = step / 20
      const [x, y] = index % 2 === 0 ? [1.5 * at * (1 - at) + at ** 3, at * at * (3 - 2 * at)] : [at, at]
      return { x: from.x + (to.x - from.x) * x, y: from.y + (to.y - from.y) * y }
    })
  })
}
