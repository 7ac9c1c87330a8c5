import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { createCutter, createGatherer, greeting, openingOf } from '../../../src/execute/wasm-dump/messages.ts'

function message(type: string, length: number): Buffer {
  const head = Buffer.alloc(5)
  head.write(type, 'latin1')
  head.writeInt32BE(length + 4, 1)
  return Buffer.concat([head, Buffer.alloc(length, 'Z')])
}

describe('messages of the protocol', () => {
  it('are found wherever the pieces of a stream end', () => {
    const messages = fc.array(fc.tuple(fc.constantFrom('Q', 'Z', 'D', 'T', 'C', 'S'), fc.nat({ max: 40 })), {
      maxLength: 12,
    })
    const cuts = fc.array(fc.nat({ max: 300 }), { maxLength: 12 })
    fc.assert(
      fc.property(messages, cuts, (list, places) => {
        const all = Buffer.concat(list.map(([type, length]) => message(type, length)))
        const ends = [...new Set([...places.filter((place) => place < all.length), all.length])].toSorted(
          (a, b) => a - b,
        )
        const cutter = createCutter()
        const starts = [0, ...ends]
        const types = ends.map((end, index) => cutter.push(all.subarray(starts[index], end))).join('')
        expect(types).toBe(list.map(([type]) => type).join(''))
        expect(cutter.isOpen()).toBe(false)
      }),
    )
  })

  it('are open until their last byte', () => {
    const cutter = createCutter()
    const whole = message('Q', 3)
    expect([cutter.push(whole.subarray(0, 2)), cutter.isOpen()]).toEqual(['', true])
    expect([cutter.push(whole.subarray(2, 7)), cutter.isOpen()]).toEqual(['', true])
    expect([cutter.push(whole.subarray(7)), cutter.isOpen()]).toEqual(['Q', false])
  })

  it('are all handed on once the server waits, also when it says something more in the same piece', () => {
    const gather = createGatherer()
    const [ready, notice] = [message('Z', 1), message('N', 20)]
    const all = Buffer.concat([message('D', 3), ready, notice])
    expect(gather(all.subarray(0, 5))).toBeUndefined()
    expect(gather(all.subarray(5, -4))).toBeUndefined()
    expect(gather(all.subarray(-4))).toEqual(all)
    expect(gather(notice)).toBeUndefined()
    expect(gather(ready)).toEqual(Buffer.concat([notice, ready]))
  })

  it('begin a session with what the server is, and end with that it waits', () => {
    const cutter = createCutter()
    const bytes = greeting('17.10')
    expect(cutter.push(bytes)).toMatch(/^RS+KZ$/)
    expect(bytes.toString('latin1')).toContain('server_version\u000017.10\u0000')
  })

  it.each([
    ['encryption', [0, 0, 0, 8, 4, 210, 22, 47]],
    ['encryption', [0, 0, 0, 8, 4, 210, 22, 48]],
    ['session', [0, 0, 0, 9, 0, 3, 0, 0, 0]],
    [undefined, [81, 0, 0, 0, 5, 0, 0, 0]],
    [undefined, [0, 0]],
  ] as const)('that open one ask for %s', (opening, bytes) => {
    expect(openingOf(Buffer.from(bytes))).toBe(opening)
  })
})
