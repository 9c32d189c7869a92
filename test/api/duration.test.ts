import { expect } from 'chai'
import fc from 'fast-check'
import { duration, formatDuration, parseDuration } from '#api/duration.ts'
import { ConfigError } from '#common/errors.ts'

describe('duration', () => {
  const cases: [text: string, ms: number][] = [
    ['0s', 0],
    ['250ms', 250],
    ['30s', 30_000],
    ['5m', 300_000],
    ['90m', 5_400_000],
    ['1h30m', 5_400_000],
    ['26h3m4s5ms', 93_784_005],
  ]
  for (const [text, ms] of cases)
    it(`reads ${text}`, () => {
      expect(parseDuration(text)).to.equal(ms)
      expect(duration.safeParse(text).success).to.equal(true)
    })

  for (const text of ['', '5', 's', '5 s', '-5s', '5s1m', '5m5m', '1.5h', '2d', '5min', '5S', 'P1D', '30s '])
    it(`refuses ${JSON.stringify(text)}`, () => {
      expect(() => parseDuration(text)).to.throw(ConfigError, 'not a duration')
      expect(duration.safeParse(text).success).to.equal(false)
    })

  it('reads back what it writes', () => {
    fc.assert(
      fc.property(fc.nat(), ms => {
        expect(parseDuration(formatDuration(ms))).to.equal(ms)
        expect(duration.safeParse(formatDuration(ms)).success).to.equal(true)
      }),
    )
  })
})
