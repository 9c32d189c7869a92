import { expect } from 'chai'
import type { TableSchema } from '#catalog/types.ts'
import type { Clock } from '#common/clock.ts'
import { systemClock } from '#common/clock.ts'
import { Journal } from '#lake/journal/journal.ts'
import { TableReader } from '#lake/reader/table-reader.ts'
import { clean, defaultCleaningPolicy } from '#lake/services/clean.ts'
import type { ServiceContext } from '#lake/services/compact.ts'
import { compactSome } from '#lake/services/compact.ts'
import { defaultCompactionPolicy } from '#lake/services/plan-compaction.ts'
import { readDefinition } from '#lake/table/create.ts'
import { openTable } from '#lake/table/open-table.ts'
import type { TableWriter } from '#lake/table/table-writer.ts'
import { loadHistory } from '#lake/timeline/history.ts'
import { loadTimeline } from '#lake/timeline/timeline.ts'
import type { CanonicalRow } from '#test/bed/canonical.ts'
import { canonicalRows } from '#test/lake/reader/canonical.ts'
import type { HudiReaders } from '#test/bed/hudi-readers.ts'
import { requires } from '#test/bed/requires.ts'
import { TableModel } from '#test/lake/table/model.ts'
import type { RowChange } from '#test/lake/table/vectors.ts'
import { batchOf } from '#test/lake/table/vectors.ts'
import type { DirectLake } from './lakes.ts'
import { expectRows, folderLake, signal, withReaders } from './lakes.ts'

const schema: TableSchema = {
  columns: [
    { name: 'id', type: { kind: 'int64' }, nullable: false },
    { name: 'note', type: { kind: 'string' }, nullable: true },
  ],
  key: ['id'],
}
/** What a Spark writer of our tables must set. */
const sparkWrites = {
  'hoodie.metadata.enable': 'false',
  'hoodie.write.auto.upgrade': 'false',
  'hoodie.index.type': 'BUCKET',
  'hoodie.bucket.index.num.buckets': '2',
  'hoodie.bucket.index.hash.field': 'id',
}
const hourMs = 3_600_000
const cleaning = { ...defaultCleaningPolicy, retentionMs: hourMs, instantsMin: 2, recorded: true }
const eager = { ...defaultCompactionPolicy, logFilesMin: 1, logBytesShareMin: 0 }

function byNumber(a: unknown, b: unknown): number {
  return Number(a) - Number(b)
}

for (const version of [8, 9] as const)
  describe(`archived instants of a keyed table of version ${version}`, function () {
    requires('hudi')
    this.timeout(600_000)
    let lake: DirectLake
    let readers: HudiReaders
    withReaders(folderLake, given => ({ lake, readers } = given))

    it('are listed and gone on from by Spark, and by us after Spark', async () => {
      let aheadMs = -72 * hourMs
      const clock: Clock = { ...systemClock, nowMs: () => systemClock.nowMs() + aheadMs }
      const store = lake.store.at('kept')
      const model = new TableModel(schema)
      const writer = await openTable(
        { name: 'kept', schema, estimatedBytes: 0, buckets: 2, version, policy: 'evolve' },
        { store, clock, writer: 'test', signal },
      )
      let seq = 0
      const url = lake.url('kept')
      /** Id -> the commit that wrote its newest version. */
      const writtenAt = new Map<unknown, string>()
      const write = async (on: TableWriter, from: number, count: number): Promise<string> => {
        const changes = Array.from({ length: count }, (_, at): RowChange => {
          const row = { id: from + at, note: `v${++seq}` }
          return { op: 'update', seq, row }
        })
        model.apply(changes)
        await on.stage({ batch: batchOf(schema, changes), truncate: null }, signal)
        const { commit } = await on.commit([], {}, signal)
        for (const { row } of changes) writtenAt.set(row['id'], commit!)
        return commit!
      }
      const services = async (): Promise<ServiceContext> => {
        const journal = await Journal.open(store, { clock, writer: 'services', signal })
        return { store, definition: (await readDefinition(store))!, journal, clock, signal }
      }
      const commits = async (): Promise<string[]> =>
        (await loadTimeline(store, 2))
          .filter(({ action }) => action === 'commit' || action === 'deltacommit')
          .map(({ instant, completionTime }) => `${instant} ${completionTime}`)
      const archivedBySpark = async (): Promise<string[]> => {
        const range = "limit => 1000, start_ts => '20200101000000000', end_ts => '20300101000000000'"
        const rows = await readers.sql(url, `call show_archived_commits(table => 't', ${range})`)
        return rows
          .map(row => `${row['commit_time'] as string} ${row['state_transition_time'] as string}`)
          .toSorted()
      }
      const spark = async (options: Readonly<Record<string, string>>): Promise<void> => {
        for (const [key, value] of Object.entries(options)) await readers.sql(url, `set ${key}=${value}`)
      }

      for (let turn = 0; turn < 4; turn++) {
        for (let at = 0; at < 5; at++) await write(writer, turn * 5 + at, 20)
        await compactSome(await services(), eager)
        aheadMs += 12 * hourMs
      }
      await write(writer, 0, 5)
      const before = await commits()
      await clean(await services(), cleaning)
      const left = await commits()
      expect(left).to.have.length(2)
      await expectRows(lake, 'kept', model.rows(), readers)
      const gone = before.slice(0, -2)
      expect(await archivedBySpark()).to.deep.equal(gone)

      const state = (at: string): Promise<unknown> => readers.readSpark(url, { asOf: at.split(' ')[0]! })
      expect(await state(left[1]!)).to.have.length(model.rows().length)
      // The files of this state are gone.
      expect(String(await state(gone[4]!).catch((error: unknown) => error))).to.include('Cleaner cleaned up')

      // A range that begins among the archived instants: their times are in the history.
      const [since, completed] = gone[16]!.split(' ') as [string, string]
      const changed = await readers.readSpark(url, { incrementalFrom: completed, meta: true })
      const expected = [...writtenAt].filter(([, instant]) => instant > since).map(([id]) => id)
      expect(changed.map(({ id }) => id).toSorted(byNumber)).to.deep.equal(expected.toSorted(byNumber))
      const own: CanonicalRow[] = []
      const reader = await TableReader.open(store)
      for await (const batch of reader.read({ from: completed })) own.push(...canonicalRows(batch))
      expect(own.map(({ id }) => id).toSorted(byNumber)).to.deep.equal(expected.toSorted(byNumber))

      await spark({ ...sparkWrites, 'hoodie.write.table.version': String(version) })
      await spark({
        'hoodie.keep.max.commits': '3',
        'hoodie.keep.min.commits': '2',
        'hoodie.clean.commits.retained': '1',
      })
      for (let turn = 0; turn < 4; turn++) {
        await readers.sql(
          url,
          `update t set note = 's${turn}', _sluice_seq = ${100_000 + turn} where id = ${turn}`,
        )
        model.apply([{ op: 'update', seq: 100_000 + turn, row: { id: turn, note: `s${turn}` } }])
      }
      await expectRows(lake, 'kept', model.rows(), readers)
      const bySpark = await loadHistory(store)
      expect(bySpark.version, 'Spark archived as well').to.be.greaterThan(1)
      expect(bySpark.hasVersionFile).to.equal(true)
      expect((await archivedBySpark()).length).to.be.greaterThan(gone.length)

      aheadMs += 100 * hourMs
      await writer.refresh()
      seq = 200_000
      for (let at = 0; at < 4; at++) await write(writer, at, 5)
      await compactSome(await services(), eager)
      aheadMs += 10 * hourMs
      await write(writer, 3, 5)
      const writes = (await commits()).slice(0, -2)
      await clean(await services(), cleaning)
      const ours = await loadHistory(store)
      expect(ours.version).to.be.greaterThan(bySpark.version)
      expect(ours.hasVersionFile, 'what Spark left').to.equal(false)
      await expectRows(lake, 'kept', model.rows(), readers)
      expect(await archivedBySpark()).to.include.members([...gone, ...left, ...writes])
    })
  })
