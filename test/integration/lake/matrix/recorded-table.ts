// A table that is written for the readers matrix, and what each query on it must answer, by a plain model. Time goes at
// the test's pace, and the files' times with it: Hudi 1.x places the log files of table version 6 by them.
import { readdir, utimes } from 'node:fs/promises'
import { join } from 'node:path'
import type { TableSchema } from '#catalog/types.ts'
import type { Clock } from '#common/clock.ts'
import { systemClock } from '#common/clock.ts'
import { Journal } from '#lake/journal/journal.ts'
import type { ServiceContext } from '#lake/services/compact.ts'
import { readDefinition } from '#lake/table/create.ts'
import { layoutOf } from '#lake/table/definition.ts'
import type { WantedTable } from '#lake/table/open-table.ts'
import { openTable } from '#lake/table/open-table.ts'
import type { TableWriter } from '#lake/table/table-writer.ts'
import { loadTimeline } from '#lake/timeline/timeline.ts'
import type { CanonicalRow } from '#test/bed/canonical.ts'
import { canonicalOf, inOrder, TableModel } from '#test/lake/table/model.ts'
import type { RowChange } from '#test/lake/table/vectors.ts'
import { batchOf } from '#test/lake/table/vectors.ts'
import type { DirectLake } from '../lakes.ts'
import { signal } from '../lakes.ts'

export const queries = ['snapshot', 'time travel', 'incremental', 'read-optimized'] as const
export type Query = (typeof queries)[number]

/** What a reader is asked, and the rows it must give. */
export interface Question {
  query: Query
  asOf?: string
  from?: string
  rows: readonly CanonicalRow[]
}

interface Commit {
  instant: string
  rows: readonly CanonicalRow[]
  /** Ids of the rows it changed. */
  changed: ReadonlySet<number>
}

export const matrixColumns: TableSchema['columns'] = [
  { name: 'id', type: { kind: 'int64' }, nullable: false },
  { name: 'region', type: { kind: 'string' }, nullable: true },
  { name: 'note', type: { kind: 'string' }, nullable: true },
  { name: 'price', type: { kind: 'decimal', precision: 10, scale: 2 }, nullable: true },
  { name: 'tags', type: { kind: 'list', element: { kind: 'string' } }, nullable: true },
]
const hourMs = 3_600_000

export class RecordedTable {
  readonly wanted: Partial<WantedTable> & Pick<WantedTable, 'name' | 'version'>
  readonly schema: TableSchema
  readonly #lake: DirectLake
  readonly #commits: Commit[] = []
  readonly #model: TableModel
  readonly #appended: CanonicalRow[] = []
  readonly #timed = new Set<string>()
  #writer: TableWriter | null = null
  /** Rows of base files: what a read-optimized query of a merge-on-read table gives; null: all rows. */
  #optimized: readonly CanonicalRow[] | null = null
  #aheadMs = -72 * hourMs
  #seq = 0

  constructor(lake: DirectLake, wanted: RecordedTable['wanted'], { keyed }: { keyed: boolean }) {
    this.#lake = lake
    this.wanted = wanted
    this.schema = { columns: matrixColumns, key: keyed ? ['id'] : [] }
    this.#model = new TableModel(this.schema)
  }

  readonly clock: Clock = { ...systemClock, nowMs: () => systemClock.nowMs() + this.#aheadMs }

  get store() {
    return this.#lake.store.at(this.wanted.name)
  }

  get url(): string {
    return this.#lake.url(this.wanted.name)
  }

  age(hours: number): void {
    this.#aheadMs += hours * hourMs
  }

  async write(...changes: RowChange[][]): Promise<void> {
    const all = changes.flat()
    this.#writer ??= await openTable(
      { schema: this.schema, estimatedBytes: 0, buckets: 2, policy: 'evolve', ...this.wanted },
      { store: this.store, clock: this.clock, writer: 'test', signal },
    )
    await this.#writer.refresh()
    await this.#writer.stage({ batch: batchOf(this.schema, all), truncate: null }, signal)
    const instant = (await this.#writer.commit([], {}, signal)).commit!
    await this.#setTimes()
    if (this.schema.key.length > 0) this.#model.apply(all)
    else
      for (const { seq, row } of all)
        this.#appended.push({ ...canonicalOf(this.schema, row), _sluice_seq: Number(seq) })
    const changed = new Set(all.map(({ row }) => Number(row['id'])))
    this.#commits.push({ instant, rows: this.rows, changed })
    if (this.#commits.length === 1 && this.isMergeOnRead) this.#optimized = this.rows
  }

  async serve(work: (context: ServiceContext) => Promise<unknown>): Promise<void> {
    const { store, clock } = this
    const journal = await Journal.open(store, { clock, writer: 'services', signal })
    await work({ store, definition: (await readDefinition(store))!, journal, clock, signal })
    await this.#setTimes()
  }

  /** To be said after a compaction of all file groups. */
  compacted(): void {
    this.#optimized = this.rows
  }

  get isMergeOnRead(): boolean {
    return this.schema.key.length > 0 && this.wanted.tableType !== 'COPY_ON_WRITE'
  }

  get rows(): readonly CanonicalRow[] {
    return this.schema.key.length > 0 ? this.#model.rows() : inOrder(this.#appended)
  }

  changes(from: number, count: number, note: string): RowChange[] {
    return Array.from({ length: count }, (_, at) => {
      const id = from + at
      const seq = ++this.#seq
      const row = {
        id,
        region: id % 2 === 0 ? 'east' : 'west',
        note,
        price: BigInt(seq),
        tags: [note, `t${at}`],
      }
      return { op: this.schema.key.length > 0 ? 'update' : 'insert', seq, row }
    })
  }

  deletes(from: number, count: number): RowChange[] {
    return this.changes(from, count, '').map(({ seq, row }) => {
      return { op: 'delete', seq, row: { id: row['id']!, region: row['region']! } }
    })
  }

  /** @param reachable how many of the newest commits can still be travelled to */
  async questions(reachable = Infinity): Promise<Question[]> {
    const { rows } = this
    const commits = this.#commits.slice(-Math.min(reachable, this.#commits.length))
    const asked: Question[] = [{ query: 'snapshot', rows }]
    for (const { instant, rows: then } of commits.slice(0, -1))
      asked.push({ query: 'time travel', asOf: instant, rows: then })
    const timeline = await loadTimeline(this.store, layoutOf(this.wanted.version))
    for (const [index, { instant }] of commits.slice(0, -1).entries()) {
      const from = timeline.find(at => at.instant === instant)?.completionTime
      const since = new Set(commits.slice(index + 1).flatMap(({ changed }) => [...changed]))
      const expected = rows.filter(row => since.has(Number(row['id'])))
      if (from) asked.push({ query: 'incremental', from, rows: expected })
    }
    asked.push({ query: 'read-optimized', rows: this.#optimized ?? rows })
    return asked
  }

  async close(): Promise<void> {
    await this.#writer?.close()
  }

  async #setTimes(): Promise<void> {
    const folder = join(this.url, '.hoodie')
    const seconds = this.clock.nowMs() / 1000
    for (const name of await readdir(folder)) {
      if (this.#timed.has(name)) continue
      this.#timed.add(name)
      await utimes(join(folder, name), seconds, seconds)
    }
  }
}
