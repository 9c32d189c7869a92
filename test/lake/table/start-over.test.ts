import { expect } from 'chai'
import { ConflictError, FencedError } from '#common/errors.ts'
import { TableReader } from '#lake/reader/table-reader.ts'
import { clusterSome } from '#lake/services/cluster.ts'
import type { WantedTable } from '#lake/table/open-table.ts'
import { openTable } from '#lake/table/open-table.ts'
import { MemoryStore } from '#lake/storage/memory.ts'
import { formatInstant } from '#lake/timeline/instant.ts'
import { fixedClock } from '../journal/table-fixture.ts'
import { AppendTable, schema } from '../services/append-table.ts'

const { signal } = new AbortController()

describe('a table that is started over', () => {
  it('loses all rows and takes the moves in one step, and earlier states stay', async () => {
    const table = new AppendTable(new Map(), [{ column: 'region' }])
    const writer = await table.openWriter()
    for (let commit = 0; commit < 3; commit++) await table.write(writer)
    const before = table.expected
    await writer.commit([{ split: 's', from: null, to: '9' }], {}, signal)
    const seenAtMs = (table.clock.nowAtMs += 1000)
    table.clock.nowAtMs += 1000
    await writer.startOver([
      { split: 's', from: '9', to: null },
      { split: 'mark', from: null, to: 'one' },
    ])
    expect(await table.ids(), 'right after').to.deep.equal([])
    expect([...writer.positions()]).to.deep.equal([['mark', 'one']])
    table.commits.length = 0
    await table.write(writer)
    expect(await table.ids()).to.deep.equal(table.expected)
    expect(await table.ids({ asOf: formatInstant(seenAtMs) }), 'as of before').to.deep.equal(before)
    await writer.startOver([])
    expect(await table.ids(), 'once more').to.deep.equal([])
  })

  it('is not, by who does not know where its splits stand: rows came meanwhile', async () => {
    const table = new AppendTable()
    const [writer, other] = [await table.openWriter('a'), await table.openWriter('b')]
    await table.write(writer)
    await other.commit([{ split: 's', from: null, to: '1' }], {}, signal)
    const failed: unknown = await writer
      .startOver([{ split: 's', from: null, to: null }])
      .catch((error: unknown) => error)
    expect(failed).to.be.instanceOf(FencedError)
    expect(await table.ids()).to.deep.equal(table.expected)
  })

  it('refuses what was put together of its files meanwhile', async () => {
    const objects = new Map<string, Uint8Array>()
    const table = new AppendTable(objects)
    const writer = await table.openWriter()
    for (let commit = 0; commit < 4; commit++) await table.write(writer)
    class Busy extends MemoryStore {
      override async putStream(path: string, chunks: AsyncIterable<Uint8Array>): Promise<void> {
        await super.putStream(path, chunks)
        await writer.startOver([])
      }
    }
    const policy = { targetFileBytes: 1 << 20, smallFileBytes: 1 << 20, filesMin: 2, ageMsMax: 0 }
    const context = await table.services(new Busy('', objects))
    const clustered: unknown = await clusterSome(context, policy).catch((error: unknown) => error)
    expect(clustered).to.be.instanceOf(ConflictError)
    expect(await table.ids()).to.deep.equal([])
  })

  it('only moves its splits when it has no rows', async () => {
    const table = new AppendTable()
    const writer = await table.openWriter()
    await writer.startOver([{ split: 'mark', from: null, to: 'one' }])
    expect([...writer.positions()]).to.deep.equal([['mark', 'one']])
    expect(await table.ids()).to.deep.equal([])
  })

  const refused: { name: string; change: Partial<WantedTable>; says: string }[] = [
    { name: 'it has a key', change: { schema: { ...schema, key: ['id'] } }, says: 'key' },
    { name: 'it has version 6', change: { version: 6 }, says: 'version 6' },
    {
      name: 'it drops duplicates',
      change: { dropDuplicates: { columns: ['id'], windowMs: 1000, bytesMax: 1 << 20 } },
      says: 'duplicates',
    },
  ]
  for (const { name, change, says } of refused)
    it(`cannot be when ${name}`, async () => {
      const defaults = { name: 't', schema, estimatedBytes: 0, version: 8, policy: 'evolve' } as const
      const context = { store: new MemoryStore(), clock: fixedClock(), writer: 'test', signal }
      const writer = await openTable({ ...defaults, ...change }, context)
      expect(writer.startOverRefusal).to.include(says)
      expect(await TableReader.open(context.store)).to.be.an('object')
    })
})
