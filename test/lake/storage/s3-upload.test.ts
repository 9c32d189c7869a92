import { expect } from 'chai'
import { partsOf } from '#lake/storage/s3-upload.ts'

async function partSizes(chunkSizes: readonly number[], partSize: number): Promise<string> {
  let text = ''
  let next = 0
  const chunks = chunkSizes.map(size => Uint8Array.from({ length: size }, () => next++))
  let expected = 0
  for await (const { number, bytes, isLast } of partsOf(chunks, partSize)) {
    for (const byte of bytes) expect(byte).to.equal(expected++)
    text += `${number}:${bytes.length}${isLast ? '.' : ' '}`
  }
  return text
}

describe('partsOf', () => {
  for (const { name, chunks, expected } of [
    { name: 'no chunks', chunks: [], expected: '1:0.' },
    { name: 'less than a part', chunks: [1, 2], expected: '1:3.' },
    { name: 'just a part', chunks: [2, 0, 2], expected: '1:4.' },
    { name: 'a chunk of many parts', chunks: [13], expected: '1:4 2:4 3:4 4:1.' },
    { name: 'chunks across parts', chunks: [3, 3, 3, 3], expected: '1:4 2:4 3:4.' },
    { name: 'an empty chunk at the end', chunks: [4, 4, 0], expected: '1:4 2:4.' },
  ])
    it(`cuts ${name}`, async () => expect(await partSizes(chunks, 4)).to.equal(expected))
})
