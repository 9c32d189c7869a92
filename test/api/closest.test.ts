import { expect } from 'chai'
import { closest, editDistance } from '#api/closest.ts'

describe('closest', () => {
  const fields = ['include', 'exclude', 'key', 'target', 'maxLag', 'freshness']
  const cases: [word: string, meant: string | undefined][] = [
    ['inclde', 'include'],
    ['incldue', 'include'],
    ['max_lag', 'maxLag'],
    ['max-lag', 'maxLag'],
    ['Freshness', 'freshness'],
    ['kye', 'key'],
    ['tables', undefined],
    ['x', undefined],
    ['postgres', undefined],
  ]
  for (const [word, meant] of cases)
    it(`${word} means ${meant ?? 'nothing known'}`, () => {
      expect(closest(word, fields)).to.equal(meant)
    })

  it('counts a swap of neighbours as one step', () => {
    expect(editDistance('kye', 'key')).to.equal(1)
    expect(editDistance('', 'abc')).to.equal(3)
    expect(editDistance('kitten', 'sitting')).to.equal(3)
  })
})
