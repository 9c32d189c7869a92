import { expect } from 'chai'
import { hashBytes, hashInt, hashLong, positiveMod } from '#lake/key/spark-hash.ts'

// What hash() of Spark 3.5 says.
describe("Spark's hash", () => {
  it('of integers', () => {
    expect([1, -7, 20_000].map(hashInt)).to.deep.equal([-559_580_957, -1_618_159_745, -257_527_722])
    expect([1n, -9_000_000_000n].map(hashLong)).to.deep.equal([-1_712_319_331, 1_565_790_470])
  })

  it('of text, of any length modulo four, with bytes beyond ASCII', () => {
    const texts = ['abc', '', 'äöü€ 😀x'].map(text => Buffer.from(`_${text}_`))
    expect(texts.map(text => hashBytes(text, 1, text.length - 1))).to.deep.equal([
      1_322_437_556, 142_593_372, -1_317_344_233,
    ])
  })

  it('gives partitions from 0 on', () => {
    expect(positiveMod(-559_580_957, 1000)).to.equal(43)
    expect(positiveMod(-4, 4)).to.equal(0)
  })
})
