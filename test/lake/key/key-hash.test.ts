import { expect } from 'chai'
import { hashKey } from '#lake/key/key-hash.ts'

function hash(text: string, offset = 0): string {
  const data = Buffer.from(`${'x'.repeat(offset)}${text}`)
  const out = new Int32Array(4)
  hashKey(data, { start: offset, end: data.length }, out, 0)
  return [...out].map(word => (word >>> 0).toString(16).padStart(8, '0')).join('')
}

describe('the hash of a key', () => {
  // MurmurHash3_x86_128 with seed 0.
  it('is Murmur3, of 128 bits', () => {
    expect(hash('')).to.equal('0'.repeat(32))
    expect(hash('I will not buy this record, it is scratched.')).to.equal('a0a9683b25ac5e40d9af2895890dddf5')
  })

  it('does not depend on where the key lies, and on every byte of it', () => {
    for (let size = 1; size < 40; size++) {
      const text = 'k'.repeat(size)
      expect(hash(text, size % 5)).to.equal(hash(text))
      const changed = Array.from({ length: size }, (_, at) =>
        hash(`${text.slice(0, at)}j${text.slice(at + 1)}`),
      )
      expect(new Set([hash(text), ...changed])).to.have.lengthOf(size + 1)
    }
  })
})
