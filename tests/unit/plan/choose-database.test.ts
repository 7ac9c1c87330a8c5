import { describe, expect, test } from 'vitest'
import { chooseDatabase, databasesMeant } from '../../../src/plan/choose-database.ts'
import { containerService, postgresService, stackConfig } from '../../support/memory-stack.ts'

const shop = postgresService({ database: 'shop' })
const stats = postgresService({ name: 'stats', database: 'stats' })
const idle = postgresService({ name: 'trial', database: 'trial', idle: ['trials'] })

describe('the database that is meant', () => {
  test('is the only one that runs by itself, or the one that is named', () => {
    const config = stackConfig([containerService({ name: 'web' }), shop, idle])
    expect(chooseDatabase(config, {})).toBe(shop)
    expect(chooseDatabase(config, { service: 'trial' })).toBe(idle)
    expect(chooseDatabase(config, { database: 'trial' })).toBe(idle)
    expect(databasesMeant(stackConfig([idle]), {})).toEqual([idle])
  })

  test('is asked for where there are several, and never guessed', () => {
    const config = stackConfig([shop, stats])
    expect(() => chooseDatabase(config, {})).toThrow(expect.objectContaining({ code: 'USAGE' }))
    expect(() => chooseDatabase(config, { service: 'db', database: 'stats' })).toThrow(
      'there is no PostgreSQL service db with a database stats',
    )
    expect(() => chooseDatabase(stackConfig([]), {})).toThrow('no PostgreSQL service is declared')
  })
})
