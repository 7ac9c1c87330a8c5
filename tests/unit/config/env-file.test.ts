import { describe, expect, it } from 'vitest'
import { parseEnvFile } from '../../../src/config/environment/env-file.ts'

describe('a file of variables', () => {
  it('is read as Node reads it, with the line of each name', () => {
    const text = '# comment\nA=1\nexport B = two # rest\n\nA=3\r\nD="x\ny"\nE=\nF=\'it is\'\n'
    const { values, lines, wrong } = parseEnvFile(text)
    expect(values).toEqual({ A: '3', B: 'two', D: 'x\ny', E: '', F: 'it is' })
    expect(Object.fromEntries(lines)).toEqual({ A: 5, B: 3, D: 6, E: 8, F: 9 })
    expect(wrong.size).toBe(0)
  })

  it('keeps a line that is none from taking the next variable with it', () => {
    const { values, wrong } = parseEnvFile('oops\nA=1\nB: 2\nC=3\n')
    expect(values).toEqual({ A: '1', C: '3' })
    expect([...wrong]).toEqual([
      [1, 'oops'],
      [3, 'B: 2'],
    ])
  })

  it('does not look for names inside of a quoted value, nor behind a quote that is never closed', () => {
    const { values, lines } = parseEnvFile('A="\nB=1\n"\nC="open\nD=2\n')
    expect(values).toEqual({ A: '\nB=1\n', C: '"open', D: '2' })
    expect([...lines.keys()]).toEqual(['A', 'C', 'D'])
  })
})
