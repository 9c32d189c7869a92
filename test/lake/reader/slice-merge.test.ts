import { expect } from 'chai'
import { encodeBlock, HeaderKey } from '#lake/log/block.ts'
import { logFileName, parseLogFileName } from '#lake/table/names.ts'
import { readSlice } from '#lake/reader/slice-reader.ts'
import type { SliceQuery } from '#lake/reader/slice-reader.ts'
import { TableReader } from '#lake/reader/table-reader.ts'
import { readTimeline } from '#lake/reader/timeline-view.ts'
import type { FileSlice } from '#lake/reader/file-slice.ts'
import type { CanonicalRow } from '#test/bed/canonical.ts'
import { canonicalJson } from '#test/bed/canonical.ts'
import { KeyedTable, notes, schema } from '../services/keyed-table.ts'
import { canonicalRows } from './canonical.ts'

async function rowsOf(table: KeyedTable, more: Partial<SliceQuery>): Promise<string[]> {
  const { store } = table
  const { slices, schema, config } = await TableReader.open(store)
  const timeline = await readTimeline(store, 2)
  const query = { store, config, timeline, columns: schema.columns, only: null, ...more }
  const rows: CanonicalRow[] = []
  for (const slice of slices)
    for await (const batch of readSlice(slice, query)) rows.push(...canonicalRows(batch))
  return rows.map(canonicalJson).toSorted()
}

describe('merging the logs of a slice', function () {
  this.timeout(60_000)
  const many = 6000
  let table: KeyedTable

  before(async () => {
    table = new KeyedTable()
    const writer = await table.openWriter()
    await table.write(writer, notes(0, many, 'first'))
    // Parquet blocks, Avro blocks, deletes, rows that come back.
    await table.write(writer, notes(1000, 4000, 'second'))
    await table.write(writer, notes(1500, 1600, null))
    await table.write(writer, [...notes(1550, 1650, 'back'), ...notes(3900, 4100, null)])
    await table.write(writer, notes(many, many + 2500, 'new'))
    await table.write(writer, notes(many + 5, many + 10, 'newer'))
  })

  for (const { name, logMemoryBytes } of [
    { name: 'in memory', logMemoryBytes: 1 << 30 },
    { name: 'by their keys first', logMemoryBytes: 400_000 },
    { name: 'part by part', logMemoryBytes: 20_000 },
    { name: 'in many parts', logMemoryBytes: 6_000 },
  ])
    it(`gives the same rows ${name}`, async () => {
      expect(await rowsOf(table, { logMemoryBytes })).to.deep.equal(table.expected.toSorted())
      const columns = [schema.columns[1]!]
      expect(await rowsOf(table, { logMemoryBytes, columns })).to.have.length(table.expected.length)
    })

  it('leaves out what was rolled back after it had been read', async () => {
    const copy = await table.copy()
    const { slices } = await TableReader.open(copy.store)
    for (const slice of slices) await withRollback(copy, slice)
    const timeline = await readTimeline(copy.store, 2)
    const all = { ...timeline, isCommitted: () => true }
    const rows = (logMemoryBytes: number): Promise<string[]> =>
      rowsOf(copy, { logMemoryBytes, timeline: all })
    const held = await rows(1 << 30)
    expect(held.filter(row => row.includes('"newer"'))).to.have.length(0)
    expect(held.filter(row => row.includes('"new"'))).to.have.length(2500)
    expect(await rows(20_000)).to.deep.equal(held)
  })
})

/** Takes back the newest log of the slice by a block in a file of its own. */
async function withRollback({ store }: KeyedTable, slice: FileSlice): Promise<void> {
  const last = slice.logs.at(-1)!
  const { fileId, instant, version } = parseLogFileName(last.name)!
  const block = encodeBlock(
    'command',
    [
      [HeaderKey.instantTime, '20991231000000000'],
      [HeaderKey.targetInstantTime, instant],
      [HeaderKey.commandBlockType, '0'],
    ],
    new Uint8Array(0),
  )
  await store.put(logFileName({ fileId, instant, version: version + 1, writeToken: '9-9-9' }), block)
}
