import { expect } from 'chai'
import { encodeBlock, HeaderKey } from '#lake/log/block.ts'
import { storedBlock, storedBlocks } from '#lake/reader/stored-blocks.ts'
import { MemoryStore } from '#lake/storage/memory.ts'

/** More than a file that is read whole may have, in four blocks. */
const blockBytes = 3 << 20
const blocks = Array.from({ length: 4 }, (_, at) =>
  encodeBlock('avro', [[HeaderKey.instantTime, `instant ${at}`]], Buffer.alloc(blockBytes, at)),
)
const name = '.00000001-0000-0000-0000-000000000000-0_20261124224411123.log.1_1-0-1'

class CountingStore extends MemoryStore {
  readonly lengths: number[] = []

  override async get(path: string): Promise<Uint8Array | null> {
    const bytes = await super.get(path)
    this.lengths.push(bytes?.length ?? 0)
    return bytes
  }

  override getRange(path: string, start: number, length: number): Promise<Uint8Array | null> {
    this.lengths.push(length)
    return super.getRange(path, start, length)
  }
}

async function storeOf(parts: readonly Uint8Array[]): Promise<{ store: CountingStore; sizeBytes: number }> {
  const store = new CountingStore()
  const bytes = Buffer.concat(parts)
  await store.put(name, bytes)
  return { store, sizeBytes: bytes.length }
}

async function read(parts: readonly Uint8Array[], layout: 1 | 2): Promise<[string, number][]> {
  const { store, sizeBytes } = await storeOf(parts)
  const found: [string, number][] = []
  for await (const block of storedBlocks({ path: name, name, sizeBytes }, { store, layout }))
    found.push([block.instant, block.offset])
  return found
}

describe('blocks of a long log file', () => {
  const size = blocks[0]!.length

  it('are read one at a time', async () => {
    const { store, sizeBytes } = await storeOf(blocks)
    const instants: string[] = []
    for await (const block of storedBlocks({ path: name, name, sizeBytes }, { store, layout: 2 }))
      instants.push(block.instant)
    expect(instants).to.deep.equal(['instant 0', 'instant 1', 'instant 2', 'instant 3'])
    expect(Math.max(...store.lengths)).to.equal(size)
  })

  it('are found again by their place', async () => {
    const { store } = await storeOf(blocks)
    const block = await storedBlock({ path: name, offset: 2 * size }, { store, layout: 2 })
    expect([block.instant, block.offset]).to.deep.equal(['instant 2', 2 * size])
  })

  it('are no longer at their place when the file is another', async () => {
    const { store } = await storeOf([Buffer.alloc(100), ...blocks])
    const error: unknown = await storedBlock({ path: name, offset: size }, { store, layout: 1 }).catch(
      (thrown: unknown) => thrown,
    )
    expect(error).to.include({ name: 'DataError', code: 'LAKE_FILE_CORRUPT' })
  })

  const torn = [blocks[0]!, blocks[1]!.subarray(0, 1000), blocks[2]!, blocks[3]!]

  it('are found behind a torn one where writers append', async () => {
    expect(await read(torn, 1)).to.deep.equal([
      ['instant 0', 0],
      ['instant 2', size + 1000],
      ['instant 3', 2 * size + 1000],
    ])
    expect(await read([...blocks, blocks[0]!.subarray(0, 9)], 1)).to.have.length(4)
  })

  it('are damaged when one is torn where each file is of one commit', async () => {
    const error: unknown = await read(torn, 2).catch((thrown: unknown) => thrown)
    expect(error).to.include({ name: 'DataError', code: 'LAKE_FILE_CORRUPT' })
  })
})
