import { expect, test } from 'vitest'
import { folderOf } from '../../../src/runtime/native/folders.ts'

test('a name becomes a folder in its parent', () => {
  expect(folderOf('/volumes', 'shop-db_data.2')).toBe('/volumes/shop-db_data.2')
})

test.each(['', '.', '..', '../other', 'a/b', '/etc', '.new-1', '-rf', 'a\0b', 'a\n', 'x'.repeat(129)])(
  'the name %j leads out of the parent or hides, and is refused',
  (name) => {
    expect(() => folderOf('/volumes', name)).toThrow(expect.objectContaining({ code: 'ENGINE_REFUSED' }))
  },
)
