import { expect } from 'chai'
import fc from 'fast-check'
import { isGlob, matchesGlob } from '#master/glob.ts'

describe('glob', () => {
  const cases: [pattern: string, text: string, matches: boolean][] = [
    ['public.orders', 'public.orders', true],
    ['public.orders', 'public.orders2', false],
    ['public.orders', 'public_orders', false],
    ['public.*', 'public.orders', true],
    ['public.*', 'public.', true],
    ['public.*', 'private.orders', false],
    ['*', 'anything.at.all', true],
    ['*', '', true],
    ['*.tmp_*', 'public.tmp_7', true],
    ['*.tmp_*', 'public.temp_7', false],
    ['app.?licks', 'app.clicks', true],
    ['app.?licks', 'app.licks', false],
    ['*ab*b', 'aabab', true],
    ['*ab*b', 'aaba', false],
    ['a[bc]', 'ab', false],
    ['', '', true],
    ['', 'a', false],
  ]
  for (const [pattern, text, matches] of cases)
    it(`${pattern || '(empty)'} ${matches ? 'matches' : 'does not match'} ${text || '(empty)'}`, () => {
      expect(matchesGlob(pattern, text)).to.equal(matches)
    })

  it('agrees with a regular expression on all patterns over a small alphabet', () => {
    const over = (alphabet: string[]) => fc.string({ unit: fc.constantFrom(...alphabet), maxLength: 8 })
    fc.assert(
      fc.property(over(['a', 'b', '.', '*', '?']), over(['a', 'b', '.']), (pattern, text) => {
        const source = pattern.replaceAll('.', '\\.').replaceAll('*', '.*').replaceAll('?', '.')
        expect(matchesGlob(pattern, text)).to.equal(new RegExp(`^${source}$`).test(text))
      }),
    )
  })

  it('takes no exponential time', () => {
    expect(matchesGlob(`${'*a'.repeat(200)}b`, 'a'.repeat(2_000))).to.equal(false)
  })

  it('knows a pattern from a name', () => {
    expect(isGlob('public.*')).to.equal(true)
    expect(isGlob('public.orders')).to.equal(false)
  })
})
