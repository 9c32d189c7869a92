import { expect } from 'chai'
import { ByteCopier } from '#catalog/byte-copier.ts'

describe('ByteCopier', () => {
  const source = Uint8Array.from({ length: 1000 }, (_, at) => (at * 7 + (at >> 8)) & 255)

  it('copies values of every length, at every alignment, and nothing beside them', () => {
    for (let size = 0; size < 300; size++) {
      const start = size % 9
      const to = size % 11
      const target = new Uint8Array(320).fill(170)
      new ByteCopier(source, target).copy(start, start + size, to)
      const expected = new Uint8Array(320).fill(170)
      expected.set(source.subarray(start, start + size), to)
      expect(target, `${size} bytes`).to.deep.equal(expected)
    }
  })

  it('reads and writes within a view of a larger buffer', () => {
    const whole = new Uint8Array(100)
    new ByteCopier(source.subarray(50, 90), whole.subarray(10, 60)).copy(0, 40, 10)
    expect(whole.subarray(20, 60)).to.deep.equal(source.slice(50, 90))
    expect(whole.subarray(0, 20).every(byte => byte === 0)).to.equal(true)
  })

  it('knows between which buffers it copies', () => {
    const target = new Uint8Array(1)
    const copier = new ByteCopier(source, target)
    expect(copier.isBetween(source, target)).to.equal(true)
    expect(copier.isBetween(source, new Uint8Array(1))).to.equal(false)
    expect(copier.isBetween(target, target)).to.equal(false)
  })
})
