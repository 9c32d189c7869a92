import { expect } from 'chai'
import { firstInstant, formatInstant, instantAfter, isInstant, parseInstant } from '#lake/timeline/instant.ts'

describe('instant', () => {
  it('is 17 digits of UTC', () => {
    expect(formatInstant(Date.UTC(2026, 10, 24, 21, 1, 44, 994))).to.equal('20261124210144994')
    expect(formatInstant(0)).to.equal('19700101000000000')
  })

  it('comes back as the same time', () => {
    for (const ms of [
      0,
      1,
      Date.UTC(1999, 11, 31, 23, 59, 59, 999),
      Date.UTC(2024, 1, 29),
      Date.UTC(9999, 11, 31),
    ])
      expect(parseInstant(formatInstant(ms))).to.equal(ms)
    expect(formatInstant(parseInstant(firstInstant))).to.equal(firstInstant)
  })

  it('carries over all units', () => {
    expect(instantAfter('20261231235959999', 0)).to.equal('20270101000000000')
  })

  it('never comes before the present or at what it must follow', () => {
    const nowMs = Date.UTC(2026, 0, 1)
    expect(instantAfter('20250101000000000', nowMs)).to.equal('20260101000000000')
    expect(instantAfter('20260101000000000', nowMs)).to.equal('20260101000000001')
  })

  it('is told from other texts', () => {
    expect(isInstant('20261124210144994')).to.equal(true)
    for (const text of ['2026112421014499', '20261124210144994.commit', 'hoodie.properties', ''])
      expect(isInstant(text)).to.equal(false)
    expect(() => parseInstant('2026')).to.throw('Not an instant')
  })
})
