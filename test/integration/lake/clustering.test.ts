import { expect } from 'chai'
import type { TableSchema } from '#catalog/types.ts'
import type { Clock } from '#common/clock.ts'
import { systemClock } from '#common/clock.ts'
import { ConflictError } from '#common/errors.ts'
import { Journal } from '#lake/journal/journal.ts'
import { TableReader } from '#lake/reader/table-reader.ts'
import { clean, defaultCleaningPolicy } from '#lake/services/clean.ts'
import { clusterSome } from '#lake/services/cluster.ts'
import type { ServiceContext } from '#lake/services/compact.ts'
import { clusteringPolicy } from '#lake/services/plan-clustering.ts'
import { readDefinition } from '#lake/table/create.ts'
import { openTable } from '#lake/table/open-table.ts'
import type { TableWriter } from '#lake/table/table-writer.ts'
import { loadTimeline } from '#lake/timeline/timeline.ts'
import type { CanonicalRow } from '#test/bed/canonical.ts'
import { canonicalJson } from '#test/bed/canonical.ts'
import type { HudiReaders } from '#test/bed/hudi-readers.ts'
import { requires } from '#test/bed/requires.ts'
import { allTypes, extremes } from '#test/lake/table/all-types.ts'
import { canonicalRows } from '#test/lake/reader/canonical.ts'
import { inOrder } from '#test/lake/table/model.ts'
import type { RowChange } from '#test/lake/table/vectors.ts'
import { batchOf } from '#test/lake/table/vectors.ts'
import type { DirectLake } from './lakes.ts'
import { bucketLake, expectRows, folderLake, signal, withReaders } from './lakes.ts'

const hourMs = 3_600_000
const policy = clusteringPolicy(1 << 20)
const cleaning = { ...defaultCleaningPolicy, retentionMs: hourMs, instantsMin: 2 }
const schema: TableSchema = { columns: allTypes.columns.filter(({ name }) => name !== 'id'), key: [] }
const withId: TableSchema = {
  columns: [{ name: 'n', type: { kind: 'int64' }, nullable: true }, ...schema.columns],
  key: [],
}

/** An append table whose hours go by at the test's pace. */
class EventTable {
  readonly rows: CanonicalRow[] = []
  readonly #lake: DirectLake
  readonly #name: string
  readonly #version: 8 | 9
  #aheadMs = -72 * hourMs
  #next = 0

  constructor(lake: DirectLake, name: string, version: 8 | 9) {
    this.#lake = lake
    this.#name = name
    this.#version = version
  }

  readonly clock: Clock = { ...systemClock, nowMs: () => systemClock.nowMs() + this.#aheadMs }

  get store() {
    return this.#lake.store.at(this.#name)
  }

  age(hours: number): void {
    this.#aheadMs += hours * hourMs
  }

  open(): Promise<TableWriter> {
    const { store, clock } = this
    return openTable(
      { name: this.#name, schema: withId, estimatedBytes: 0, version: this.#version, policy: 'evolve' },
      { store, clock, writer: 'test', signal },
    )
  }

  /** A commit of as many rows as there are extreme values. Returns its instant. */
  async write(writer: TableWriter): Promise<string> {
    const changes = extremes.map((row): RowChange => {
      const n = this.#next++
      return { op: 'insert', seq: n, row: { n, ...row } }
    })
    const batch = batchOf(withId, changes)
    await writer.stage({ batch, truncate: null }, signal)
    return (await writer.commit([], {}, signal)).commit!
  }

  async services(): Promise<ServiceContext> {
    const { store, clock } = this
    const journal = await Journal.open(store, { clock, writer: 'services', signal })
    return { store, definition: (await readDefinition(store))!, journal, clock, signal }
  }

  /** What the table holds, by our own reader. */
  async found(): Promise<CanonicalRow[]> {
    const rows: CanonicalRow[] = []
    const reader = await TableReader.open(this.store)
    for await (const batch of reader.read()) rows.push(...canonicalRows(batch))
    return rows
  }

  get written(): number {
    return this.#next
  }
}

for (const [where, open, version] of [
  ['a folder', folderLake, 8],
  ['a bucket', bucketLake, 9],
] as const)
  describe(`clustering of an append table in ${where}, read by Spark and hudi-rs`, function () {
    requires('hudi', 'minio')
    this.timeout(600_000)
    let lake: DirectLake
    let readers: HudiReaders
    withReaders(open, given => ({ lake, readers } = given))

    /** Rows with their meta columns but the file name: by state, and by what was committed since. */
    async function answers(
      name: string,
      states: readonly string[],
      since: readonly string[],
    ): Promise<Record<string, string[]>> {
      const s3 = lake.s3 ? { s3: lake.s3 } : {}
      const url = lake.url(name)
      const found: Record<string, string[]> = {}
      const texts = (rows: readonly CanonicalRow[]): string[] =>
        inOrder(rows.map(row => ({ ...row, _hoodie_file_name: '' }))).map(canonicalJson)
      const options = { ...s3, meta: true }
      for (const asOf of states) {
        found[`Spark as of ${asOf}`] = texts(await readers.readSpark(url, { ...options, asOf }))
        found[`hudi-rs as of ${asOf}`] = texts(await readers.readHudiRs(url, { ...options, asOf }))
      }
      for (const incrementalFrom of since) {
        const of = { ...options, incrementalFrom }
        found[`Spark since ${incrementalFrom}`] = texts(await readers.readSpark(url, of))
        found[`hudi-rs since ${incrementalFrom}`] = texts(await readers.readHudiRs(url, of))
      }
      return found
    }

    it('changes no row, no state and no incremental answer, while rows are added and files cleaned', async () => {
      const name = 'events'
      const table = new EventTable(lake, name, version)
      const [one, other] = [await table.open(), await table.open()]
      for (let at = 0; at < 6; at++) await table.write(at % 2 === 0 ? one : other)
      const before = await table.found()
      expect(before).to.have.length(table.written)
      await expectRows(lake, name, before, readers)
      const timeline = await loadTimeline(table.store, 2)
      const states = [timeline[2]!.instant, timeline[5]!.instant]
      const since = [timeline[0]!.completionTime!, timeline[3]!.completionTime!]
      const earlier = await answers(name, states, since)

      table.age(13)
      const [mine, racing] = [await table.services(), await table.services()]
      const outcomes = await Promise.allSettled([clusterSome(mine, policy), clusterSome(racing, policy)])
      const [done] = outcomes.filter(({ status }) => status === 'fulfilled')
      const refused = outcomes.filter(outcome => outcome.status === 'rejected')
      expect(
        refused.map(({ reason }) => reason instanceof ConflictError),
        'the other of the two',
      ).to.deep.equal([true])
      expect((done as PromiseFulfilledResult<{ filesBefore: number }>).value).to.include({
        filesBefore: 6,
        filesAfter: 1,
      })
      await expectRows(lake, name, before, readers)
      expect(await answers(name, states, since)).to.deep.equal(earlier)

      const clusteredAt = (await loadTimeline(table.store, 2)).at(-1)!
      await table.write(other)
      const after = await answers(name, [clusteredAt.instant], [clusteredAt.completionTime!])
      for (const [question, rows] of Object.entries(after))
        expect(rows, question).to.have.length(question.includes('since') ? extremes.length : before.length)

      // The replaced files go, then what told that they were replaced.
      table.age(30)
      await table.write(one)
      await table.write(one)
      const all = await table.found()
      expect(all).to.have.length(table.written)
      const cleaned = await clean(await table.services(), cleaning)
      expect(cleaned).to.include({ files: 6, instants: 8 })
      await expectRows(lake, name, all, readers)
      await table.write(other)
      await expectRows(lake, name, await table.found(), readers)
      expect(await table.found()).to.have.length(table.written)
    })
  })
