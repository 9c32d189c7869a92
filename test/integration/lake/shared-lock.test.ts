import { expect } from 'chai'
import { execFile } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { lockPath } from '#lake/journal/storage-lock.ts'
import { hudiBundle, s3aDir } from '#test/bed/cache.ts'
import { HudiReaders } from '#test/bed/hudi-readers.ts'
import { requires } from '#test/bed/requires.ts'
import type { RowChange } from '#test/lake/table/vectors.ts'
import type { DirectLake } from './lakes.ts'
import { bucketLake } from './lakes.ts'
import { keyedShop, SharedTable, sparkOptions } from './shared-table.ts'

const shared = { sharing: { concurrency: 'shared', metadataTable: 'fail' } } as const

/** The guide's options for a Spark writer beside a running job. */
const sparkShares = {
  'hoodie.write.concurrency.mode': 'optimistic_concurrency_control',
  'hoodie.write.lock.provider': 'org.apache.hudi.client.transaction.lock.StorageBasedLockProvider',
  'hoodie.clean.failed.writes.policy': 'LAZY',
  'hoodie.write.num.retries.on.conflict.failures': '0',
}

/** Compiles the S3 requests of Hudi's lock, which its Spark bundle leaves to another module. */
async function lockClient(folder: string): Promise<string> {
  const source = join(import.meta.dirname, '../../bed/assets/hudi/lock/S3StorageLockClient.java')
  const classPath = [hudiBundle('1.2.0'), join(s3aDir, '*')].join(':')
  await promisify(execFile)('javac', ['-d', folder, '-cp', classPath, source])
  return folder
}

async function mergedBySpark(table: SharedTable, rows: RowChange[]): Promise<boolean> {
  try {
    await table.sparkMerge(rows)
    return true
  } catch (error) {
    expect(String(error)).to.match(/conflict/i)
    return false
  }
}

describe("writers under Hudi's storage-based lock", function () {
  requires('hudi', 'minio')
  this.timeout(600_000)
  let lake: DirectLake
  let readers: HudiReaders
  let classes: string
  before(async () => {
    classes = await mkdtemp(join(tmpdir(), 'sluice-lock-'))
    lake = await bucketLake()
    readers = await HudiReaders.start([await lockClient(classes)])
  })
  after(async () => {
    await readers.stop()
    await lake.stop()
    await rm(classes, { recursive: true })
  })

  for (const tableType of ['MERGE_ON_READ', 'COPY_ON_WRITE'] as const)
    it(`Spark and two of ours write a ${tableType} table at the same time, and no row is lost or doubled`, async () => {
      const table = new SharedTable({ lake, readers }, `locked_${tableType.toLowerCase()}`, {
        schema: keyedShop,
        version: 8,
        tableType,
        buckets: 4,
      })
      const writers = [await table.open('one', shared), await table.open('two', shared)]
      await table.write(writers[0]!, [table.row('k0', 'first')])
      await table.sparkSet({ ...sparkOptions(8, 4), ...sparkShares })

      const owners = new Set<unknown>()
      const ours = writers.map(async (writer, at) => {
        for (let round = 0; round < 6; round++) {
          await table.write(writer, table.rows(1000 * (at + 1) + round * 3, 4, `ours ${round}`))
          const lock = JSON.parse(Buffer.from((await table.store.get(lockPath))!).toString()) as object
          owners.add('owner' in lock && lock.owner)
          await new Promise(resolve => setTimeout(resolve, 500))
        }
      })
      // Whoever completes second gives way: Spark as long as we go on, for it takes longer.
      for (let round = 0; round < 2; round++) {
        const rows = table.rows(round * 10, 15, `spark ${round}`)
        while (!(await mergedBySpark(table, rows)));
      }
      await Promise.all(ours)
      const lock = JSON.parse(Buffer.from((await table.store.get(lockPath))!).toString()) as object
      owners.add('owner' in lock && lock.owner)
      await table.expectRead()
      expect(owners.size, 'holders of the lock, Spark among them').to.be.greaterThan(2)
    })
})
