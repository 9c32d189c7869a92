// A small append table in memory, with what it must hold at each of its commits.
import type { TableSchema } from '#catalog/types.ts'
import { Journal } from '#lake/journal/journal.ts'
import type { OpenOptions, ReadOptions } from '#lake/reader/table-reader.ts'
import { TableReader } from '#lake/reader/table-reader.ts'
import type { ServiceContext } from '#lake/services/compact.ts'
import { MemoryStore } from '#lake/storage/memory.ts'
import { readDefinition } from '#lake/table/create.ts'
import type { WantedPartition } from '#lake/partition/partition-rule.ts'
import { openTable } from '#lake/table/open-table.ts'
import type { TableWriter } from '#lake/table/table-writer.ts'
import { fixedClock } from '../journal/table-fixture.ts'
import { canonicalRows } from '../reader/canonical.ts'
import type { RowChange } from '../table/vectors.ts'
import { batchOf } from '../table/vectors.ts'

export const schema: TableSchema = {
  columns: [
    { name: 'id', type: { kind: 'int32' }, nullable: true },
    { name: 'note', type: { kind: 'string' }, nullable: true },
    { name: 'region', type: { kind: 'string' }, nullable: true },
  ],
  key: [],
}

const { signal } = new AbortController()

export class AppendTable {
  readonly store: MemoryStore
  readonly clock = fixedClock()
  /** Instant of each commit, and the ids of the rows it wrote. */
  readonly commits: { instant: string; ids: number[] }[] = []
  readonly #partitionBy: readonly WantedPartition[]
  #next = 0

  constructor(objects = new Map<string, Uint8Array>(), partitionBy: readonly WantedPartition[] = []) {
    this.store = new MemoryStore('', objects)
    this.#partitionBy = partitionBy
  }

  async copy(): Promise<AppendTable> {
    const objects = new Map<string, Uint8Array>()
    for await (const { path } of this.store.list('')) objects.set(path, (await this.store.get(path))!)
    const copy = new AppendTable(objects, this.#partitionBy)
    copy.clock.nowAtMs = this.clock.nowAtMs
    let drawn = 0
    copy.clock.uuid = () => `00000000-0000-4000-9000-${String(drawn++).padStart(12, '0')}`
    copy.commits.push(...this.commits)
    copy.#next = this.#next
    return copy
  }

  openWriter(writer = 'test'): Promise<TableWriter> {
    const defaults = { estimatedBytes: 0, version: 8, policy: 'evolve' } as const
    const wanted = { ...defaults, name: 't', schema, partitionBy: this.#partitionBy }
    return openTable(wanted, { store: this.store, clock: this.clock, writer, signal })
  }

  async write(writer: TableWriter, count = 3): Promise<string> {
    const rows = Array.from({ length: count }, (): RowChange => {
      const id = this.#next++
      return { op: 'insert', seq: id, row: { id, note: `row ${id}`, region: `r${id % 2}` } }
    })
    this.clock.nowAtMs += 1000
    await writer.stage({ batch: batchOf(schema, rows), truncate: null }, signal)
    const { commit } = await writer.commit([], {}, signal)
    this.commits.push({ instant: commit!, ids: rows.map(({ row }) => row['id'] as number) })
    return commit!
  }

  async services(on = this.store, until = signal): Promise<ServiceContext> {
    const journal = await Journal.open(on, { clock: this.clock, writer: 'services', signal: until })
    return { store: on, definition: (await readDefinition(on))!, journal, clock: this.clock, signal: until }
  }

  /** Ids of the rows, ascending. */
  async ids(open: OpenOptions = {}, read: ReadOptions = {}): Promise<number[]> {
    const reader = await TableReader.open(this.store, open)
    const ids: number[] = []
    for await (const batch of reader.read(read))
      ids.push(...canonicalRows(batch).map(row => row['id'] as number))
    return ids.toSorted((a, b) => a - b)
  }

  get expected(): number[] {
    return this.commits.flatMap(({ ids }) => ids).toSorted((a, b) => a - b)
  }
}
