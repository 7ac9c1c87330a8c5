import { describe, expect, it } from 'vitest'
import { locate } from '../../../src/config/locate/locate.ts'

type Path = readonly (string | number)[]

/** The text of the line that is found, from its column on. */
function found(text: string, path: Path, value?: string): string | undefined {
  const issue = { path, message: 'x', ...(value !== undefined && { value }) }
  const { line, column } = { column: 1, ...locate(issue, [{ file: '/c.ts', text }]) }
  return line === undefined ? undefined : text.split('\n')[line - 1]?.slice(column - 1)
}

describe('the path of a mistake', () => {
  const text = `// services: { web: container({ image: 'no' }) }
const shared = { LOG: 'a, b: {', PORT: 80 }
const db = postgres({
  port: 5432,
  settings: { 'work_mem': '4MB' },
})
export default defineConfig(({ env }) => ({
  services: {
    db,
    'web-app': container({
      ports: { http: { container: 80, host: 5432 } }, // db: postgres()
      dependsOn: ['db',
        'bd'],
      volumes: [
        { volume: 'a', target: '/a' },
        { volume: 'b', target: '/a' }],
      env: shared,
    }),
    job: container({ ...base, image: 'x', ...more, user: 'me' }),
    made: make('x'),
  },
}))
`
  it.each<[string, Path, string | undefined]>([
    ['a service in a variable', ['db'], 'db = postgres({'],
    ['an option of it', ['db', 'port'], 'port: 5432,'],
    ['a quoted key', ['db', 'settings', 'work_mem'], "'work_mem': '4MB' },"],
    ['a service with a quoted name', ['web-app'], "'web-app': container({"],
    ['deep inside', ['web-app', 'ports', 'http', 'host'], 'host: 5432 } }, // db: postgres()'],
    ['an element of a list', ['web-app', 'dependsOn', 1], "'bd'],"],
    ['a field of an element', ['web-app', 'volumes', 1, 'target'], "target: '/a' }],"],
    ['an object in a variable', ['web-app', 'env', 'PORT'], 'PORT: 80 }'],
    [
      'what is missing: the place that lacks it',
      ['web-app', 'ports', 'http', 'protocol'],
      'http: { container: 80, host: 5432 } }, // db: postgres()',
    ],
    [
      'what a spread behind it may replace: the service',
      ['job', 'image'],
      "job: container({ ...base, image: 'x', ...more, user: 'me' }),",
    ],
    ['what stands behind every spread', ['job', 'user'], "user: 'me' }),"],
    ['what a function makes', ['made', 'image'], "made: make('x'),"],
    ['a service that is not there', ['cache', 'image'], undefined],
  ])('leads to %s', (_, path, expected) => {
    expect(found(text, ['services', ...path])).toBe(expected)
  })

  it('leads nowhere when two things have the name', () => {
    const twice = 'const a = { web: container({ image: 1 }) }\nconst b = { web: container({ image: 2 }) }'
    expect(found(twice, ['services', 'web', 'image'])).toBe(undefined)
    expect(found(twice, ['services', 'web', 'image'], '2')).toBe('image: 2 }) }')
  })

  it('does not break at any text', () => {
    for (const part of [
      'services: {',
      'services: { web',
      'services: { web: container(',
      "services: { web: container({ 'a",
      '`',
    ])
      expect(() => found(part, ['services', 'web', 'a', 0])).not.toThrow()
  })
})
