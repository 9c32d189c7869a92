import { expect } from 'chai'
import { systemClock } from '#common/clock.ts'
import { positionsOfCheckpoint, streamerCheckpoint } from '#connectors/kafka/position.ts'
import type { ObjectStore } from '#lake/storage/object-store.ts'
import { adoptTable } from '#lake/table/adopt.ts'
import type { TableWriter } from '#lake/table/table-writer.ts'
import { decodeCommitMetadata } from '#lake/timeline/commit-metadata.ts'
import { loadTimeline } from '#lake/timeline/timeline.ts'
import type { HudiReaders } from '#test/bed/hudi-readers.ts'
import { requires } from '#test/bed/requires.ts'
import type { RowChange } from '#test/lake/table/vectors.ts'
import { batchOf } from '#test/lake/table/vectors.ts'
import type { DirectLake } from './lakes.ts'
import { folderLake, signal, withReaders } from './lakes.ts'
import { appendShop, keyedShop, SharedTable, sparkOptions } from './shared-table.ts'

// Hudi Streamer itself comes with a bundle that has no place in the bed; what it leaves in a table, besides the rows
// that Spark writes for it, is its checkpoint in the metadata of each commit.
const streams = (table: string, checkpoint: string, buckets: number): Record<string, string> => ({
  ...sparkOptions(8, buckets),
  'hoodie.table.name': table,
  'hoodie.datasource.write.commitmeta.key.prefix': 'streamer.checkpoint',
  'streamer.checkpoint.key.v2': checkpoint,
  'hoodie.table.timeline.timezone': 'UTC',
  ...(buckets === 0
    ? { 'hoodie.datasource.write.operation': 'insert' }
    : {
        'hoodie.datasource.write.operation': 'upsert',
        'hoodie.datasource.write.table.type': 'MERGE_ON_READ',
        'hoodie.datasource.write.recordkey.field': 'id',
        'hoodie.datasource.write.precombine.field': '_sluice_seq',
        'hoodie.datasource.write.partitionpath.field': '',
        'hoodie.datasource.write.keygenerator.class': 'org.apache.hudi.keygen.NonpartitionedKeyGenerator',
      }),
})

function adopt(store: ObjectStore, key: readonly string[], buckets: number) {
  const adoption = { key, buckets, positionsOf: positionsOfCheckpoint }
  return adoptTable(store, adoption, { clock: systemClock, signal })
}

async function codeOf(work: Promise<unknown>): Promise<string> {
  return work.then(
    () => 'done',
    (error: { code: string }) => error.code,
  )
}

/** As the Kafka source has it. */
async function commitFrom(
  writer: TableWriter,
  table: SharedTable,
  rows: RowChange[],
  offset: number,
): Promise<void> {
  const split = 'orders/0'
  const from = writer.positions().get(split)!
  const to = `${offset}@0`
  table.model.apply(rows)
  await writer.stage({ batch: batchOf(table.model.schema, rows), truncate: null }, signal)
  const checkpoint = streamerCheckpoint('orders', new Map([...writer.positions(), [split, to]]))
  await writer.commit([{ split, from, to }], { 'streamer.checkpoint.key.v2': checkpoint }, signal)
}

/** Where Hudi Streamer would go on: from the newest commit that has its key. */
async function streamerGoesOnFrom(store: ObjectStore): Promise<string | undefined> {
  for (const { path, action } of (await loadTimeline(store, 2)).toReversed()) {
    if (action !== 'commit' && action !== 'deltacommit') continue
    const { extraMetadata } = decodeCommitMetadata((await store.get(path))!)
    const checkpoint = extraMetadata['streamer.checkpoint.key.v2']
    if (checkpoint !== undefined) return checkpoint
  }
  return undefined
}

describe('a table that Hudi Streamer and Sluice write in turn', function () {
  requires('hudi')
  this.timeout(600_000)
  let lake: DirectLake
  let readers: HudiReaders
  withReaders(folderLake, given => ({ lake, readers } = given))

  for (const [kind, schema, buckets] of [
    ['append', appendShop, 0],
    ['keyed', keyedShop, 2],
  ] as const)
    it(`goes on exactly where the other stopped, ${kind}`, async () => {
      const table = new SharedTable({ lake, readers }, `streamed_${kind}`, { schema, version: 8 })
      const stream = async (rows: RowChange[], checkpoint: string): Promise<void> => {
        table.model.apply(rows)
        await readers.write(table.url, SharedTable.values(rows), streams(table.name, checkpoint, buckets))
      }
      await stream(table.rows(0, 10, 'streamed'), 'orders,0:10,1:0')
      expect(await codeOf(table.open())).to.equal('LAKE_JOURNAL_MISSING')
      if (buckets > 0) expect(await codeOf(adopt(table.store, ['id'], 3))).to.equal('LAKE_NOT_ADOPTABLE')

      const adopted = await adopt(table.store, schema.key, buckets)
      expect([...adopted.positions]).to.deep.equal([
        ['orders/0', '10@0'],
        ['orders/1', '0@0'],
      ])
      await table.expectRead()
      const writer = await table.open()
      await commitFrom(writer, table, table.rows(buckets === 0 ? 100 : 5, 10, 'ours'), 20)
      await table.expectRead()
      expect(await streamerGoesOnFrom(table.store)).to.equal('orders,0:20,1:0')

      await stream(table.rows(buckets === 0 ? 200 : 12, 10, 'streamed again'), 'orders,0:30,1:0')
      const late = table.rows(300, 1, 'read twice')
      await writer.stage({ batch: batchOf(schema, late), truncate: null }, signal)
      const move = { split: 'orders/0', from: '20@0', to: '21@0' }
      expect(await codeOf(writer.commit([move], {}, signal))).to.equal('LAKE_CHECKPOINT_MOVED')
      await writer.abort()
      expect(await codeOf(table.open())).to.equal('LAKE_CHECKPOINT_MOVED')

      await adopt(table.store, schema.key, buckets)
      const next = await table.open()
      expect(next.positions().get('orders/0')).to.equal('30@0')
      await commitFrom(next, table, table.rows(buckets === 0 ? 400 : 0, 10, 'ours again'), 40)
      await table.expectRead()
    })
})
