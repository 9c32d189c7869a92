import { expect } from 'chai'
import { zstdDecompressSync } from 'node:zlib'
import { compressPage } from '#lake/parquet/codec.ts'

const rows = Array.from({ length: 20_000 }, (_, row) => row)
/** Text as people write it: the same words in ever other order. */
const words =
  'street road hill lane north south little great saint bridge church green old new mill park'.split(' ')
const lines = rows.map(row => [3, 5, 7, 11].map(n => words[((row * row * n + row) % 9973) & 15]!).join(' '))
const pages: Readonly<Record<string, Buffer>> = {
  text: Buffer.from(lines.join('\n')),
  'numbers that count': Buffer.from(BigInt64Array.from(rows, BigInt).buffer),
  nothing: Buffer.alloc(0),
}

describe('page compression', () => {
  for (const [name, page] of Object.entries(pages))
    it(`makes a page of ${name} no larger with more effort, and zstd unpacks it`, () => {
      const small = compressPage(page, 'zstdSmall')
      expect(small.length).to.be.at.most(compressPage(page, 'zstd').length)
      expect(zstdDecompressSync(small).equals(page)).to.equal(true)
    })

  it('makes text smaller with more effort', () => {
    const { text } = pages
    expect(compressPage(text!, 'zstdSmall').length).to.be.below(compressPage(text!, 'zstd').length)
  })
})
