import { describe, expect, it } from 'vitest'
import { globFiles, parseGlob } from '../../../src/config/glob.ts'

/** Folders by path; a name that ends with `/` is one of them. */
function listOf(files: readonly string[], asked: string[] = []) {
  return (folder: string) => {
    asked.push(folder)
    const inside = files.flatMap((file) => (file.startsWith(`${folder}/`) ? [file.slice(folder.length + 1)] : []))
    if (inside.length === 0) throw Object.assign(new Error('gone'), { code: 'ENOENT' })
    const names = new Map(inside.map((rest) => [rest.split('/')[0] ?? '', rest.includes('/')]))
    return [...names].map(([name, isFolder]) => ({ name, isDirectory: () => isFolder }))
  }
}

const files = [
  'a.ts',
  'b.json',
  '.env',
  'lib/c.ts',
  'lib/deep/d.ts',
  '.hidden/e.ts',
  'node_modules/x/f.ts',
  '.git/g.ts',
  'lib/[h].ts',
]
const found = (pattern: string) => globFiles('/p', pattern, listOf(files.map((file) => `/p/${file}`)))

describe('a pattern', () => {
  it.each([
    ['*.ts', ['a.ts']],
    ['./*.ts', ['a.ts']],
    ['*', ['a.ts', 'b.json']],
    ['.*', ['.env']],
    ['{a,b}.{ts,json}', ['a.ts', 'b.json']],
    ['?.ts', ['a.ts']],
    ['{lib/deep,.hidden,none}/*.ts', ['.hidden/e.ts', 'lib/deep/d.ts']],
    ['lib/{c,d{e,eep/d}}.ts', ['lib/c.ts', 'lib/deep/d.ts']],
    ['{a,b.ts', []],
    ['{a.{ts,js}', []],
    ['{,lib/}*.ts', ['a.ts', 'lib/[h].ts', 'lib/c.ts']],
    ['**/*.ts', ['a.ts', 'lib/[h].ts', 'lib/c.ts', 'lib/deep/d.ts']],
    ['lib/**', ['lib/[h].ts', 'lib/c.ts', 'lib/deep/d.ts']],
    ['lib/*/d.ts', ['lib/deep/d.ts']],
    ['lib/[h].ts', ['lib/[h].ts']],
    ['node_modules/*/f.ts', ['node_modules/x/f.ts']],
    ['.hidden/*.ts', ['.hidden/e.ts']],
    ['none/*.ts', []],
    ['a.ts', ['a.ts']],
  ])('%s finds %j', (pattern, expected) => {
    expect(found(pattern)).toEqual(expected)
  })

  it('has only the folders looked into that may hold something', () => {
    const asked: string[] = []
    globFiles(
      '/p',
      'lib/*.ts',
      listOf(
        files.map((file) => `/p/${file}`),
        asked,
      ),
    )
    expect(asked).toEqual(['/p/lib'])
    asked.length = 0
    globFiles(
      '/p',
      'lib/{deep,none}/*.ts',
      listOf(
        files.map((file) => `/p/${file}`),
        asked,
      ),
    )
    expect(asked).toEqual(['/p/lib', '/p/lib/deep'])
    expect(parseGlob('a/b/*.ts').base).toBe('a/b')
    expect(parseGlob('*.ts').base).toBe('')
  })
})
