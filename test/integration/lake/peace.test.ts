import { loadTimeline } from '#lake/timeline/timeline.ts'
import { HudiReaders } from '#test/bed/hudi-readers.ts'
import { requires } from '#test/bed/requires.ts'
import type { DirectLake } from './lakes.ts'
import { folderLake } from './lakes.ts'
import { keyedShop, SharedTable, sparkOptions } from './shared-table.ts'

describe('a table that Spark writes to as well', function () {
  requires('hudi')
  this.timeout(600_000)
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

  for (const [version, tableType] of [
    [8, 'MERGE_ON_READ'],
    [9, 'MERGE_ON_READ'],
    [8, 'COPY_ON_WRITE'],
  ] as const)
    it(`takes its commits, of version ${version}, ${tableType}`, async () => {
      const table = new SharedTable({ lake, readers }, `keyed_${version}_${tableType.toLowerCase()}`, {
        schema: keyedShop,
        version,
        tableType,
        buckets: 4,
      })
      const step = async (what: string, work: () => Promise<void>) => {
        const at = Date.now()
        await work()
        console.log(what, 'work', Date.now() - at)
        await table.expectRead()
        console.log(what, Date.now() - at)
      }
      const writer = await table.open()
      await table.write(writer, [table.row('k0', 'first')])
      await table.sparkSet(sparkOptions(version, 4))
      await step('spark groups', () => table.sparkMerge(table.rows(1, 30, 'spark')))
      await step('ours on it', () =>
        table.write(writer, [...table.rows(1, 15, 'ours'), ...table.deletes('k16')]),
      )
      await step('delete', async () => {
        await table.spark("delete from t where id in ('k2', 'k17')")
        table.model.apply(table.deletes('k2', 'k17'))
      })
      await step('ours back', () => table.write(writer, table.rows(2, 1, 'back')))
      await step('overwrite', async () => {
        const rows = table.rows(5, 3, 'overwritten')
        await table.spark(`insert overwrite table t ${SharedTable.values(rows)}`)
        table.model.truncate()
        table.model.apply(rows)
      })
      await step('ours after overwrite', () =>
        table.write(writer, [...table.rows(0, 30, 'ours again'), ...table.deletes('k5')]),
      )
      if (tableType === 'MERGE_ON_READ')
        await step('compaction', async () => {
          await table.spark('reset hoodie.index.type')
          await table.spark("call run_compaction(op => 'schedule', table => 't')")
          await table.write(writer, table.rows(20, 12, 'while a compaction is planned'))
          await table.spark("call run_compaction(op => 'run', table => 't')")
          await table.sparkSet(sparkOptions(version, 4))
        })
      await step('clean, archive', async () => {
        await table.spark(
          "call run_clean(table => 't', retain_commits => 1)",
          "call archive_commits(table => 't', min_commits => 2, max_commits => 3, retain_commits => 1)",
        )
      })
      console.log((await loadTimeline(table.store, 2)).map(at => at.path))
      await step('spark alone', async () => {
        for (const from of [0, 5, 10, 15]) await table.sparkMerge(table.rows(from, 3, 'spark goes on'))
        await table.spark(
          "call archive_commits(table => 't', min_commits => 2, max_commits => 3, retain_commits => 1)",
        )
      })
      console.log((await loadTimeline(table.store, 2)).map(at => at.path))
      const next = await table.open()
      const after = table.rows(3, 20, 'after the archive')
      await step('ours after the archive', () => table.write(next, after))
      await step('column', async () => {
        await table.spark('alter table t add columns (extra int)')
        await table.spark("update t set extra = 7 where id = 'k3'")
        const extra = { name: 'extra', type: { kind: 'int32' }, nullable: true } as const
        table.model.schema = { columns: [...table.model.schema.columns, extra], key: ['id'] }
        table.model.apply([{ ...after[0]!, row: { ...after[0]!.row, extra: 7 } }])
      })
      await step('ours after the column', () => table.write(next, table.rows(4, 20, 'after the column')))
      await step('first one', () => table.write(writer, table.rows(6, 20, 'first')))
    })
})
