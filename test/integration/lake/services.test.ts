import { expect } from 'chai'
import type { TableSchema } from '#catalog/types.ts'
import type { Clock } from '#common/clock.ts'
import { systemClock } from '#common/clock.ts'
import { ConflictError } from '#common/errors.ts'
import { Journal } from '#lake/journal/journal.ts'
import { TableReader } from '#lake/reader/table-reader.ts'
import type { ServiceContext } from '#lake/services/compact.ts'
import { compactSome } from '#lake/services/compact.ts'
import { clean } from '#lake/services/clean.ts'
import { pendingCompactions } from '#lake/services/pending-compactions.ts'
import type { CompactionPolicy } from '#lake/services/plan-compaction.ts'
import { defaultCompactionPolicy } from '#lake/services/plan-compaction.ts'
import { servicePolicy, TableServices } from '#lake/services/table-services.ts'
import { readDefinition } from '#lake/table/create.ts'
import { openTable } from '#lake/table/open-table.ts'
import type { TableWriter } from '#lake/table/table-writer.ts'
import { loadTimeline } from '#lake/timeline/timeline.ts'
import type { CanonicalRow } from '#test/bed/canonical.ts'
import type { HudiReaders } from '#test/bed/hudi-readers.ts'
import { requires } from '#test/bed/requires.ts'
import { allTypes, extremes } from '#test/lake/table/all-types.ts'
import { TableModel } from '#test/lake/table/model.ts'
import type { RowChange } from '#test/lake/table/vectors.ts'
import { batchOf } from '#test/lake/table/vectors.ts'
import type { DirectLake } from './lakes.ts'
import { bucketLake, expectRows, folderLake, signal, withReaders } from './lakes.ts'

const schema: TableSchema = {
  columns: [
    { name: 'id', type: { kind: 'int64' }, nullable: false },
    { name: 'note', type: { kind: 'string' }, nullable: true },
    { name: 'price', type: { kind: 'decimal', precision: 10, scale: 2 }, nullable: true },
    { name: 'tags', type: { kind: 'list', element: { kind: 'string' } }, nullable: true },
  ],
  key: ['id'],
}
const hourMs = 3_600_000
const eager: CompactionPolicy = { ...defaultCompactionPolicy, logFilesMin: 1, logBytesShareMin: 0 }
const cleaning = { retentionMs: hourMs, instantsMin: 2, thinning: null }

/** A table whose days go by at the test's pace. */
class AgingTable {
  readonly model: TableModel
  readonly #lake: DirectLake
  readonly #name: string
  readonly #version: 8 | 9
  #aheadMs = -72 * hourMs
  #seq = 0

  constructor(lake: DirectLake, name: string, version: 8 | 9 = 8, of: TableSchema = schema) {
    this.#lake = lake
    this.#name = name
    this.#version = version
    this.model = new TableModel(of)
  }

  readonly clock: Clock = { ...systemClock, nowMs: () => systemClock.nowMs() + this.#aheadMs }

  get store() {
    return this.#lake.store.at(this.#name)
  }

  age(hours: number): void {
    this.#aheadMs += hours * hourMs
  }

  open(): Promise<TableWriter> {
    const wanted = { name: this.#name, schema: this.model.schema, estimatedBytes: 0, buckets: 2 }
    const { store, clock } = this
    return openTable(
      { ...wanted, version: this.#version, policy: 'evolve' },
      { store, clock, writer: 'test', signal },
    )
  }

  /** As a lane writes, which after so long an idle time cannot tell that no other engine came by, and stages again. */
  async write(writer: TableWriter, changes: RowChange[]): Promise<string> {
    this.model.apply(changes)
    const batch = batchOf(this.model.schema, changes)
    for (let again = false; ; again = true) {
      await writer.stage({ batch, truncate: null }, signal)
      try {
        return (await writer.commit([], {}, signal)).commit!
      } catch (error) {
        if (again || !(error instanceof ConflictError)) throw error
        await writer.abort()
        await writer.refresh()
      }
    }
  }

  rows(from: number, count: number, note: string): RowChange[] {
    return Array.from({ length: count }, (_, at) => ({
      op: 'update',
      seq: ++this.#seq,
      row: { id: from + at, note, price: BigInt(this.#seq), tags: [note, `t${at}`] },
    }))
  }

  deletes(from: number, count: number): RowChange[] {
    return this.rows(from, count, '').map(({ seq, row }) => ({ op: 'delete', seq, row: { id: row['id']! } }))
  }

  async services(): Promise<ServiceContext> {
    const { store, clock } = this
    const journal = await Journal.open(store, { clock, writer: 'services', signal })
    return { store, definition: (await readDefinition(store))!, journal, clock, signal }
  }

  /** A round of table services, as a lane makes them. */
  async round(compactionBy: 'worker' | 'external'): Promise<void> {
    const { store, clock } = this
    const policy = { ...servicePolicy(hourMs, 0, { compactionBy }), compaction: eager }
    const definition = (await readDefinition(store))!
    const services = new TableServices({ store, definition, clock, writer: 'test' }, policy)
    expect(await services.run(signal), 'it was its turn').to.equal(true)
    this.age(1)
  }

  expectRead(readers: HudiReaders): Promise<void> {
    return expectRows(this.#lake, this.#name, this.model.rows(), readers)
  }
}

for (const [where, open] of [
  ['a folder', folderLake],
  ['a bucket', bucketLake],
] as const)
  describe(`table services in ${where}, read by Spark and hudi-rs`, function () {
    requires('hudi', 'minio')
    this.timeout(600_000)
    let lake: DirectLake
    let readers: HudiReaders
    withReaders(open, given => ({ lake, readers } = given))

    /** Time travel and incremental answers of both readers, as texts. */
    async function history(name: string, asOf: readonly string[], from: string): Promise<string[]> {
      const s3 = lake.s3 ? { s3: lake.s3 } : {}
      const url = lake.url(name)
      const text = (rows: readonly CanonicalRow[]): string => JSON.stringify(rows)
      const answers: string[] = []
      for (const instant of asOf) {
        answers.push(text(await readers.readSpark(url, { ...s3, asOf: instant })))
        answers.push(text(await readers.readHudiRs(url, { ...s3, asOf: instant })))
      }
      answers.push(text(await readers.readSpark(url, { ...s3, incrementalFrom: from })))
      answers.push(text(await readers.readHudiRs(url, { ...s3, incrementalFrom: from })))
      return answers
    }

    it('compaction, cleaning and trimming leave every row, while commits go on', async () => {
      const table = new AgingTable(lake, 'kept')
      const [one, other] = [await table.open(), await table.open()]
      await table.write(one, table.rows(0, 300, 'base'))
      await table.write(other, [...table.rows(100, 50, 'update'), ...table.deletes(10, 20)])
      await other.refresh()
      expect(await compactSome(await table.services(), eager)).to.include({ fileGroups: 2 })
      await table.expectRead(readers)

      // Neither writer has heard of the compaction.
      await table.write(other, [...table.rows(15, 3, 'back'), ...table.deletes(200, 5)])
      await table.write(one, table.rows(600, 1500, 'new'))
      await table.expectRead(readers)
      table.age(30)
      const first = await table.write(one, [...table.rows(0, 5, 'later'), ...table.deletes(600, 10)])
      await compactSome(await table.services(), eager)
      const cleaned = await clean(await table.services(), cleaning)
      expect(cleaned.files, 'the first slices').to.be.greaterThan(3)
      expect(cleaned.instants).to.be.greaterThan(2)
      await table.expectRead(readers)

      const second = await table.write(other, [...table.rows(12, 2, 'again'), ...table.deletes(0, 2)])
      const completions = new Map(
        (await loadTimeline(table.store, 2)).map(at => [at.instant, at.completionTime]),
      )
      const before = await history('kept', [first, second], completions.get(first)!)
      await compactSome(await table.services(), eager)
      await clean(await table.services(), cleaning)
      await table.expectRead(readers)
      expect(await history('kept', [first, second], completions.get(first)!)).to.deep.equal(before)
    })

    it('every type comes through, in table version 9 as well', async () => {
      const table = new AgingTable(lake, 'types', 9, allTypes)
      const writer = await table.open()
      const rows = (seq: number, turn: number): RowChange[] =>
        extremes.map((row, at) => ({
          op: 'update',
          seq: seq + at,
          row: { id: `k${(at + turn) % (extremes.length + 1)}`, ...row },
        }))
      await table.write(writer, rows(0, 0))
      await table.write(writer, rows(100, 1))
      await compactSome(await table.services(), eager)
      await table.expectRead(readers)
      await table.write(writer, rows(200, 3))
      await table.expectRead(readers)
    })

    if (open === folderLake)
      describe('shared with Spark', () => {
        const sparkSet = async (url: string, options: Readonly<Record<string, string>>): Promise<void> => {
          for (const [key, value] of Object.entries(options)) await readers.sql(url, `set ${key}=${value}`)
        }
        const notToUpgrade = {
          'hoodie.metadata.enable': 'false',
          'hoodie.write.auto.upgrade': 'false',
          'hoodie.write.table.version': '8',
        }

        it('compactions are left to Spark, while commits and all other services go on', async () => {
          const table = new AgingTable(lake, 'planned')
          const writer = await table.open()
          const url = lake.url('planned')
          await sparkSet(url, notToUpgrade)
          const newestPlan = async (): Promise<string> => {
            await table.round('external')
            const { instants } = await pendingCompactions(table.store, 2)
            expect(instants).to.have.length(1)
            return instants[0]!
          }
          const runBySpark = async (instant: string): Promise<void> => {
            await readers.sql(url, "call run_compaction(op => 'run', table => 't')")
            await table.expectRead(readers)
            const { slices } = await TableReader.open(table.store)
            expect(slices.map(({ base }) => base!.instant)).to.deep.equal([instant, instant])
            expect((await pendingCompactions(table.store, 2)).instants).to.deep.equal([])
          }

          await table.write(writer, table.rows(0, 100, 'base'))
          await table.write(writer, [...table.rows(40, 30, 'update'), ...table.deletes(5, 5)])
          const first = await newestPlan()
          await table.expectRead(readers)
          await table.write(writer, [...table.rows(50, 5, 'meanwhile'), ...table.deletes(90, 2)])
          // Long enough for cleaning to remove whatever no plan needs.
          table.age(20)
          await table.write(writer, table.rows(60, 20, 'a day later'))
          expect(await newestPlan(), 'its file groups are in no other plan').to.equal(first)
          await table.expectRead(readers)
          await runBySpark(first)

          await writer.refresh()
          await table.write(writer, [...table.rows(0, 50, 'after it'), ...table.deletes(70, 3)])
          table.age(1)
          const second = await newestPlan()
          expect(second > first).to.equal(true)
          await runBySpark(second)
          table.age(20)
          await table.round('worker')
          await table.write(writer, table.rows(30, 40, 'in the end'))
          await compactSome(await table.services(), eager)
          await table.expectRead(readers)
        })

        it('a table we compacted, cleaned and trimmed takes writes of Spark, and ours after them', async () => {
          const table = new AgingTable(lake, 'trimmed')
          const writer = await table.open()
          await table.write(writer, table.rows(0, 100, 'base'))
          await table.write(writer, [...table.rows(40, 30, 'update'), ...table.deletes(5, 5)])
          await compactSome(await table.services(), eager)
          table.age(30)
          await table.write(writer, table.rows(0, 50, 'later'))
          await compactSome(await table.services(), eager)
          expect((await clean(await table.services(), cleaning)).instants).to.be.greaterThan(2)

          const url = lake.url('trimmed')
          await sparkSet(url, {
            ...notToUpgrade,
            'hoodie.index.type': 'BUCKET',
            'hoodie.bucket.index.num.buckets': '2',
            'hoodie.bucket.index.hash.field': 'id',
          })
          await readers.sql(url, 'update t set price = 9.99, _sluice_seq = 100000 where id = 3')
          const row = { id: 3, note: 'later', price: 999n, tags: ['later', 't3'] }
          table.model.apply([{ op: 'update', seq: 100_000, row }])
          await readers.sql(url, 'delete from t where id = 4')
          table.model.apply([{ op: 'delete', seq: 100_001, row: { id: 4 } }])
          await table.expectRead(readers)

          await writer.refresh()
          await table.write(writer, table.rows(20, 40, 'ours'))
          await compactSome(await table.services(), eager)
          await table.expectRead(readers)
        })
      })
  })
