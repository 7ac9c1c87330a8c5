import { expect, test } from 'vitest'
import type { StackEvent } from '../../../src/events.ts'
import { createEventStreams } from '../../../src/stack/event-stream.ts'

const notice = (message: string): StackEvent => ({ type: 'notice', message })

async function heard(stream: AsyncIterable<StackEvent>): Promise<readonly string[]> {
  const messages: string[] = []
  for await (const event of stream) if (event.type === 'notice') messages.push(event.message)
  return messages
}

test('everybody who listens must hear all from then on, in order, and then the end', async () => {
  const told: StackEvent[] = []
  const streams = createEventStreams((event) => told.push(event))
  streams.emit(notice('before'))
  const early = heard(streams.listen())
  const kept = streams.listen()
  streams.emit(notice('one'))
  const late = heard(streams.listen())
  streams.emit(notice('two'))
  streams.endAll()
  streams.emit(notice('after'))
  expect(await early).toEqual(['one', 'two'])
  expect(await late).toEqual(['two'])
  // What nobody had asked for yet is not lost with the end.
  expect(await heard(kept)).toEqual(['one', 'two'])
  expect(told).toHaveLength(4)
})

test('who waits must be answered at once, and each event go to one question only', async () => {
  const streams = createEventStreams(() => undefined)
  const stream = streams.listen()
  const questions = [stream.next(), stream.next(), stream.next()]
  streams.emit(notice('one'))
  streams.emit(notice('two'))
  streams.endAll()
  const answers = await Promise.all(questions)
  expect(answers.map(({ done }) => done)).toEqual([false, false, true])
  expect(answers.map(({ value }) => value)).toEqual([notice('one'), notice('two'), undefined])
  expect(await stream.next()).toEqual({ done: true, value: undefined })
})

test('who listens must hear what the one who is called throws at', async () => {
  const streams = createEventStreams(() => {
    throw new Error('no')
  })
  const hearing = heard(streams.listen())
  expect(() => {
    streams.emit(notice('one'))
  }).toThrow('no')
  streams.endAll()
  expect(await hearing).toEqual(['one'])
})

test('a loop that is left and a signal that is given must end one stream and no other', async () => {
  const streams = createEventStreams(() => undefined)
  const left = streams.listen()
  const controller = new AbortController()
  const stopped = heard(streams.listen(controller.signal))
  const going = heard(streams.listen(undefined, new AbortController().signal))
  streams.emit(notice('one'))
  streams.emit(notice('two'))
  for await (const event of left) {
    expect(event).toEqual(notice('one'))
    break
  }
  expect(await left.next()).toEqual({ done: true, value: undefined })
  controller.abort()
  streams.emit(notice('three'))
  expect(await stopped).toEqual(['one', 'two'])
  expect(await heard(streams.listen(controller.signal))).toEqual([])
  streams.endAll()
  expect(await going).toEqual(['one', 'two', 'three'])
})
