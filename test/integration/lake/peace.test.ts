import { expect } from 'chai'
import { TableReader } from '#lake/reader/table-reader.ts'
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
      const table = new SharedTable({ lake, readers }, `keyed-${version}-${tableType}`, {
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
      const { slices } = await TableReader.open(table.store)
      console.log(slices.map(s => s.fileId))
      expect(slices.length).to.equal(4)
    })
})
