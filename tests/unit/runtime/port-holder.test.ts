import { expect, test } from 'vitest'
import { listeningSockets, parseLsof } from '../../../src/runtime/port-holder.ts'

const table = `  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 0100007F:1538 00000000:0000 0A 00000000:00000000 00:00000000 00000000  1000        0 111 1 0 100 0 0 10 0
   1: 0100007F:1538 0100007F:C350 01 00000000:00000000 00:00000000 00000000  1000        0 222 1 0 100 0 0 10 0
   2: 0100007F:C350 0100007F:1538 01 00000000:00000000 00:00000000 00000000  1000        0 333 1 0 100 0 0 10 0
   3: 00000000:0050 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 444 1 0 100 0 0 10 0
   0: 00000000000000000000000000000000:1538 00000000000000000000000000000000:0000 0A 0:0 00:0 0 0 0 555 1 0 100`

test('only sockets that listen on the port count, of both families', () => {
  expect([...listeningSockets(table, 5432)]).toEqual(['111', '555'])
  expect([...listeningSockets(table, 80)]).toEqual(['444'])
  expect([...listeningSockets(table, 50_000)]).toEqual([])
})

test('of UDP every socket counts', () => {
  const [, , connected = ''] = table.split('\n')
  const bound = '  7: 0100007F:1538 00000000:0000 07 00000000:00000000 00:00000000 00000000  1000        0 666 2 0 0'
  expect([...listeningSockets(`${connected}\n${bound}`, 5432, 'udp')]).toEqual(['222', '666'])
})

test('lsof names the first process', () => {
  expect(parseLsof('p123\ncpostgres\nf7\np456\ncnode\n')).toEqual({ program: 'postgres', pid: 123 })
  expect(parseLsof('')).toBeUndefined()
})
