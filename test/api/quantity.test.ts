import { expect } from 'chai'
import { parseQuantity, quantity } from '#api/quantity.ts'
import { ConfigError } from '#common/errors.ts'

describe('quantity', () => {
  const cases: [text: string | number, value: number][] = [
    [0, 0],
    [2, 2],
    ['2', 2],
    ['64Mi', 67_108_864],
    ['1.5Gi', 1_610_612_736],
    ['.5Ki', 512],
    ['1G', 1_000_000_000],
    ['128k', 128_000],
    ['500m', 0.5],
    ['1e6', 1_000_000],
    ['1E', 1e18],
    ['12E2', 1_200],
  ]
  for (const [text, value] of cases)
    it(`reads ${text}`, () => {
      expect(parseQuantity(text)).to.be.closeTo(value, value * 1e-12)
      expect(quantity.safeParse(text).success).to.equal(true)
    })

  for (const text of ['', 'Mi', '64MiB', '64 Mi', '64mb', '-1', '1K', '0x10', 'many'])
    it(`refuses ${JSON.stringify(text)}`, () => {
      expect(() => parseQuantity(text)).to.throw(ConfigError, 'not a quantity')
      expect(quantity.safeParse(text).success).to.equal(false)
    })

  it('refuses a negative or broken number', () => {
    expect(quantity.safeParse(-1).success).to.equal(false)
    expect(quantity.safeParse(1.5).success).to.equal(false)
  })
})
