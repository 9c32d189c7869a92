import { expect } from 'chai'
import { systemClock } from '#common/clock.ts'
import { Journal } from '#lake/journal/journal.ts'
import { clean } from '#lake/services/clean.ts'
import type { ServiceContext } from '#lake/services/compact.ts'
import { compactSome } from '#lake/services/compact.ts'
import { defaultCompactionPolicy } from '#lake/services/plan-compaction.ts'
import { readDefinition } from '#lake/table/create.ts'
import type { WantedTable } from '#lake/table/open-table.ts'
import type { TableWriter } from '#lake/table/table-writer.ts'
import { loadTimeline } from '#lake/timeline/timeline.ts'
import { canonicalJson } from '#test/bed/canonical.ts'
import { HudiReaders } from '#test/bed/hudi-readers.ts'
import { requires } from '#test/bed/requires.ts'
import type { DirectLake } from './lakes.ts'
import { folderLake, signal } from './lakes.ts'
import { appendShop, keyedShop, SharedTable, sparkOptions } from './shared-table.ts'

const archiving =
  "call archive_commits(table => 't', min_commits => 2, max_commits => 3, retain_commits => 1)"

const eager = { ...defaultCompactionPolicy, logFilesMin: 1, logBytesShareMin: 0 }

async function servicesOf({ store }: SharedTable): Promise<ServiceContext> {
  const journal = await Journal.open(store, { clock: systemClock, writer: 'services', signal })
  return { store, definition: (await readDefinition(store))!, journal, clock: systemClock, signal }
}

describe('a table that Spark writes to in turn with us', function () {
  requires('hudi')
  this.timeout(900_000)
  let lake: DirectLake
  let readers: HudiReaders
  before(async () => {
    lake = await folderLake()
    readers = await HudiReaders.start()
  })
  after(async () => {
    await readers.stop()
    await lake.stop()
  })

  async function newTable(
    name: string,
    wanted: Pick<WantedTable, 'schema' | 'version'> & Partial<WantedTable>,
  ): Promise<{ table: SharedTable; writer: TableWriter }> {
    const table = new SharedTable({ lake, readers }, name, wanted)
    const writer = await table.open()
    for (const key of Object.keys(sparkOptions(8, 1))) await table.spark(`reset ${key}`)
    await table.sparkSet(sparkOptions(wanted.version, wanted.buckets ?? 0))
    return { table, writer }
  }

  for (const [version, tableType] of [
    [8, 'MERGE_ON_READ'],
    [9, 'COPY_ON_WRITE'],
  ] as const)
    it(`takes its commits: ${tableType}, version ${version}`, async () => {
      const name = `keyed_${version}_${tableType.toLowerCase()}`
      const { table, writer } = await newTable(name, { schema: keyedShop, version, tableType, buckets: 4 })
      await table.write(writer, [table.row('k0', 'first')])

      // Spark begins the other buckets, under file ids of its own.
      await table.sparkMerge(table.rows(1, 30, 'spark'))
      await table.expectRead()
      await table.write(writer, [...table.rows(1, 15, 'ours'), ...table.deletes('k16')])
      await table.expectRead()

      await table.spark("delete from t where id in ('k2', 'k17')")
      table.model.apply(table.deletes('k2', 'k17'))
      await table.write(writer, table.rows(2, 1, 'back'))
      await table.expectRead()

      // Every file group is retired, the fixed file ids for good.
      const overwritten = table.rows(5, 3, 'overwritten')
      await table.spark(`insert overwrite table t ${SharedTable.values(overwritten)}`)
      table.model.truncate()
      table.model.apply(overwritten)
      await table.write(writer, [...table.rows(0, 30, 'ours again'), ...table.deletes('k5')])
      await table.expectRead()

      if (tableType === 'MERGE_ON_READ') {
        await table.spark('reset hoodie.index.type')
        await table.spark("call run_compaction(op => 'schedule', table => 't')")
        await table.write(writer, table.rows(20, 12, 'while a compaction is planned'))
        await table.spark("call run_compaction(op => 'run', table => 't')")
        await table.sparkSet(sparkOptions(version, 4))
        await table.expectRead()
      }

      // Our newest instant leaves the timeline, and must not come back to it.
      await table.spark("call run_clean(table => 't', retain_commits => 1)")
      for (const from of [0, 5, 10, 15]) await table.sparkMerge(table.rows(from, 3, 'spark goes on'))
      await table.spark(archiving)
      const [first] = await loadTimeline(table.store, 2)
      const next = await table.open()
      expect((await loadTimeline(table.store, 2))[0]).to.deep.equal(first)
      const after = table.rows(3, 20, 'after the archive')
      await table.write(next, after)
      await table.expectRead()

      await table.spark('alter table t add columns (extra int)')
      await table.spark("update t set extra = 7 where id = 'k3'")
      const extra = { name: 'extra', type: { kind: 'int32' }, nullable: true } as const
      table.model.schema = { columns: [...table.model.schema.columns, extra], key: ['id'] }
      table.model.apply([{ ...after[0]!, row: { ...after[0]!.row, extra: 7 } }])
      await table.write(next, table.rows(4, 20, 'after the column'))
      await table.write(writer, table.rows(6, 20, 'by the first writer'))
      await table.expectRead()
    })

  it('leaves room for a commit that begins at once after ours', async () => {
    const wanted = { schema: keyedShop, version: 9, tableType: 'COPY_ON_WRITE', buckets: 4 } as const
    const { table, writer } = await newTable('at_once', wanted)
    for (const round of ['1', '2', '3', '4', '5', '6']) {
      await table.write(writer, table.rows(0, 10, `ours ${round}`))
      await table.sparkMerge(table.rows(5, 10, `spark ${round}`))
    }
    await table.expectRead()
  })

  it('takes its commits and its clustering: without a key', async () => {
    const { table, writer } = await newTable('append', { schema: appendShop, version: 8 })
    await table.write(writer, table.rows(0, 20, 'ours'))
    const inserted = table.rows(100, 10, 'spark')
    await table.spark(`insert into t ${SharedTable.values(inserted)}`)
    table.model.apply(inserted)
    await table.write(writer, table.rows(200, 20, 'ours again'))
    await table.expectRead()
    await table.spark("call run_clustering(table => 't', op => 'scheduleAndExecute')")
    await table.write(writer, table.rows(300, 20, 'after the clustering'))
    await table.expectRead()
    await table.spark("delete from t where id in ('k3', 'k105', 'k301')")
    table.model.apply(table.deletes('k3', 'k105', 'k301'))
    await table.write(writer, table.rows(400, 2, 'after the delete'))
    await table.expectRead()
  })

  it('takes its partitions, and a partition it overwrites', async () => {
    const { table, writer } = await newTable('parted', {
      schema: keyedShop,
      version: 8,
      buckets: 2,
      partitionBy: [{ column: 'note' }],
      keyScope: 'partition',
    })
    await table.write(writer, table.rows(0, 10, 'a'))
    await table.sparkMerge([...table.rows(10, 10, 'b'), table.row('k3', 'a')])
    await table.expectRead()
    await table.write(writer, [...table.rows(10, 5, 'b'), table.row('k4', 'a'), table.row('k20', 'c')])
    await table.expectRead()

    const overwritten = table.rows(30, 3, 'b')
    const columns = `select id, price, _sluice_seq from (${SharedTable.values(overwritten)})`
    await table.spark(`insert overwrite table t partition (note = 'b') ${columns}`)
    table.model.apply(table.deletes(...Array.from({ length: 10 }, (_, at) => `k${10 + at}`)))
    table.model.apply(overwritten)
    await table.expectRead()
    await table.write(writer, [...table.rows(31, 10, 'b'), table.row('k5', 'a')])
    await table.expectRead()
  })

  it('keeps what its savepoint saves', async () => {
    const { table, writer } = await newTable('saved', { schema: keyedShop, version: 8, buckets: 2 })
    await table.write(writer, table.rows(0, 20, 'first'))
    const saved = (await loadTimeline(table.store, 2)).at(-1)!.instant
    const rows = table.model.rows().map(canonicalJson).toSorted()
    await table.spark(`call create_savepoint(table => 't', commit_time => '${saved}')`)
    const savepoints = (await loadTimeline(table.store, 2)).filter(({ action }) => action === 'savepoint')
    expect(savepoints.map(({ instant }) => instant)).to.deep.equal([saved])
    for (const note of ['second', 'third']) {
      await table.write(writer, [...table.rows(5, 30, note), ...table.deletes('k1')])
      await compactSome(await servicesOf(table), eager)
    }
    await clean(await servicesOf(table), { retentionMs: 1, instantsMin: 1, thinning: null })
    await table.expectRead()
    const then = await readers.readSpark(table.url, { asOf: saved })
    expect(then.map(canonicalJson).toSorted()).to.deep.equal(rows)
  })

  for (const [version, tableType, schema] of [
    [8, 'MERGE_ON_READ', keyedShop],
    [9, 'COPY_ON_WRITE', appendShop],
  ] as const)
    it(`stops before it commits behind a metadata table, or removes it: ${tableType}, version ${version}`, async () => {
      const buckets = schema.key.length > 0 ? 2 : 0
      const name = `defaults_${version}`
      const { table, writer } = await newTable(name, { schema, version, tableType, buckets })
      const sharing = { metadataTable: 'remove', concurrency: 'exclusive' } as const
      const keeper = await table.open('keeper', { sharing })
      await table.write(writer, table.rows(0, 20, 'ours'))
      for (const key of ['metadata.enable', 'write.auto.upgrade', 'write.table.version'])
        await table.spark(`reset hoodie.${key}`)
      const bySpark = table.rows(buckets > 0 ? 10 : 100, 20, 'defaults')
      if (buckets > 0) await table.sparkMerge(bySpark)
      else {
        await table.spark(`insert into t ${SharedTable.values(bySpark)}`)
        table.model.apply(bySpark)
      }
      await table.expectRead()

      expect(await table.refusal(writer, table.rows(15, 1, 'refused'))).to.equal(
        version === 8 ? 'LAKE_VERSION_CHANGED' : 'LAKE_METADATA_TABLE',
      )
      await writer.abort()
      await table.expectRead()
      await table.write(keeper, table.rows(buckets > 0 ? 5 : 200, 20, 'goes on'))
      await table.expectRead()
    })
})
