import { describe, expect, test } from 'vitest'
import { isServer, parsePsLine, worksOn } from '../../../src/runtime/native/process.ts'
import type { LiveProcess } from '../../../src/runtime/native/process.ts'

const data = '/home/me/my shop/.poststack/native/volumes/shop-db-data/data'
const server: LiveProcess = {
  pid: 123,
  started: 'boot:1',
  commandLine: `/usr/lib/postgresql/17/bin/postgres -D ${data} -c port=5433 -c poststack.container=abc`,
  workFolder: data,
}

describe('a line of ps', () => {
  test('gives id, start time and command line', () => {
    expect(parsePsLine('  321 Ss   Mon Nov  3 05:06:07 2026 /opt/bin/postgres -D /a b -c port=1')).toEqual({
      pid: 321,
      started: 'Mon Nov  3 05:06:07 2026',
      commandLine: '/opt/bin/postgres -D /a b -c port=1',
      workFolder: undefined,
    })
  })

  test('zombies and empty lines are no processes', () => {
    expect(parsePsLine('  321 Z    Mon Nov  3 05:06:07 2026 (postgres)')).toBeUndefined()
    expect(parsePsLine('')).toBeUndefined()
  })
})

describe('a server', () => {
  test('is known by mark and data directory together', () => {
    expect(isServer(server, { id: 'abc', data })).toBe(true)
    expect(isServer(server, { id: 'other', data })).toBe(false)
    expect(isServer(server, { id: 'abc', data: `${data}-copy` })).toBe(false)
  })

  test('its working folder counts more than its command line: the project may have moved', () => {
    expect(worksOn({ ...server, workFolder: '/moved/data' }, '/moved/data')).toBe(true)
    expect(worksOn({ ...server, workFolder: '/moved/data' }, data)).toBe(false)
  })

  test('where the system tells no working folder, the whole path on the command line decides', () => {
    const process = { ...server, workFolder: undefined }
    expect(worksOn(process, data)).toBe(true)
    expect(worksOn(process, data.slice(0, -1))).toBe(false)
    expect(worksOn({ ...process, commandLine: `postgres -D ${data}` }, data)).toBe(true)
  })
})
