import { expect } from 'chai'
import fc from 'fast-check'
import { TransientError } from '#common/errors.ts'
import { jsonLines } from '#operator/kube/json-lines.ts'

async function collect(chunks: readonly Uint8Array[]): Promise<unknown[]> {
  const values: unknown[] = []
  for await (const value of jsonLines(streamOf(chunks))) values.push(value)
  return values
}

async function* streamOf(chunks: readonly Uint8Array[]): AsyncGenerator<Uint8Array> {
  yield* chunks
}

/** Cuts bytes into chunks of the given sizes, taken in turn. */
function cut(bytes: Uint8Array, sizes: readonly number[]): Uint8Array[] {
  const chunks: Uint8Array[] = []
  for (let from = 0, turn = 0; from < bytes.length; turn++) {
    const size = sizes[turn % sizes.length] ?? 1
    chunks.push(bytes.subarray(from, from + size))
    from += size
  }
  return chunks
}

describe('jsonLines', () => {
  it('gives the documents however the network cuts their bytes', async () => {
    const sizes = fc.array(fc.integer({ min: 1, max: 30 }), { minLength: 1, maxLength: 5 })
    const values = fc.array(fc.oneof(fc.jsonValue(), fc.constant('é€😀')), { maxLength: 10 })
    await fc.assert(
      fc.asyncProperty(values, sizes, async (documents, chunkSizes) => {
        const text = documents.map(document => `${JSON.stringify(document)}\n`).join('')
        const given = await collect(cut(Buffer.from(text), chunkSizes))
        expect(JSON.stringify(given)).to.equal(JSON.stringify(documents))
      }),
    )
  })

  const broken = [
    { name: 'a page of a proxy', text: '<html>502</html>\n' },
    { name: 'a stream that ends inside a document', text: '{"type":"ADDED"' },
  ]
  for (const { name, text } of broken)
    it(`takes ${name} as something to try again`, async () => {
      const error = await collect([Buffer.from(text)]).then(
        () => null,
        (thrown: unknown) => thrown,
      )
      expect(error).to.be.instanceOf(TransientError)
    })

  it('does not collect an endless line', async () => {
    async function* endless(): AsyncGenerator<Uint8Array> {
      for (;;) yield Buffer.alloc(1024 * 1024, 'x')
    }
    const reading = (async () => {
      for await (const value of jsonLines(endless())) expect(value).to.equal(undefined)
    })()
    expect(await reading.catch((thrown: unknown) => thrown)).to.be.instanceOf(TransientError)
  })
})
