// A small keyed table in memory with a writer, a model of what it must hold, and services to run on it.
import type { TableSchema } from '#catalog/types.ts'
import { Journal } from '#lake/journal/journal.ts'
import { TableReader } from '#lake/reader/table-reader.ts'
import type { OpenOptions } from '#lake/reader/table-reader.ts'
import type { ServiceContext } from '#lake/services/compact.ts'
import type { CompactionPolicy } from '#lake/services/plan-compaction.ts'
import { defaultCompactionPolicy } from '#lake/services/plan-compaction.ts'
import { MemoryStore } from '#lake/storage/memory.ts'
import { readDefinition } from '#lake/table/create.ts'
import { openTable } from '#lake/table/open-table.ts'
import type { TableWriter } from '#lake/table/table-writer.ts'
import type { CanonicalRow } from '#test/bed/canonical.ts'
import { canonicalJson } from '#test/bed/canonical.ts'
import { fixedClock } from '../journal/table-fixture.ts'
import { canonicalRows } from '../reader/canonical.ts'
import { inOrder, TableModel } from '../table/model.ts'
import type { RowChange } from '../table/vectors.ts'
import { batchOf } from '../table/vectors.ts'

export const schema: TableSchema = {
  columns: [
    { name: 'id', type: { kind: 'int32' }, nullable: false },
    { name: 'note', type: { kind: 'string' }, nullable: true },
    { name: 'tags', type: { kind: 'list', element: { kind: 'string' } }, nullable: true },
  ],
  key: ['id'],
}

/** Compacts whatever has a log. */
export const eager: CompactionPolicy = { ...defaultCompactionPolicy, logFilesMin: 1, logBytesShareMin: 0 }

export class KeyedTable {
  readonly store: MemoryStore
  readonly clock = fixedClock()
  readonly model = new TableModel(schema)
  #seq = 0

  constructor(objects = new Map<string, Uint8Array>()) {
    this.store = new MemoryStore('', objects)
  }

  /** The table as it stands, in a store of its own. */
  async copy(): Promise<KeyedTable> {
    const objects = new Map<string, Uint8Array>()
    for await (const { path } of this.store.list('')) objects.set(path, (await this.store.get(path))!)
    const copy = new KeyedTable(objects)
    copy.clock.nowAtMs = this.clock.nowAtMs
    return copy
  }

  openWriter(writer = 'test'): Promise<TableWriter> {
    const wanted = { name: 't', schema, estimatedBytes: 0, buckets: 2, version: 8, policy: 'evolve' } as const
    const { store, clock } = this
    return openTable(wanted, { store, clock, writer, signal: new AbortController().signal })
  }

  /** Changes rows: even numbers say the new note, odd ones delete. Returns the commit's instant. */
  async write(writer: TableWriter, changes: readonly { id: number; note: string | null }[]): Promise<string> {
    const rows = changes.map(({ id, note }): RowChange => {
      const seq = ++this.#seq
      if (note === null) return { op: 'delete', seq, row: { id } }
      return { op: 'update', seq, row: { id, note, tags: [note, `${id}`] } }
    })
    const { signal } = new AbortController()
    this.clock.nowAtMs += 1000
    this.model.apply(rows)
    await writer.stage({ batch: batchOf(schema, rows), truncate: null }, signal)
    return (await writer.commit([], {}, signal)).commit!
  }

  /** A context of its own for one run of a service. */
  async services(on = this.store, signal = new AbortController().signal): Promise<ServiceContext> {
    const { clock } = this
    const journal = await Journal.open(on, { clock, writer: 'services', signal })
    return { store: on, definition: (await readDefinition(on))!, journal, clock, signal }
  }

  async rows(options: OpenOptions = {}, columns?: readonly string[]): Promise<CanonicalRow[]> {
    const rows: CanonicalRow[] = []
    const reader = await TableReader.open(this.store, options)
    for await (const batch of reader.read(columns ? { columns } : {})) rows.push(...canonicalRows(batch))
    return inOrder(rows)
  }

  get expected(): string[] {
    return this.model.rows().map(canonicalJson)
  }

  async found(options: OpenOptions = {}): Promise<string[]> {
    return (await this.rows(options)).map(canonicalJson)
  }
}

export function notes(from: number, to: number, note: string | null): { id: number; note: string | null }[] {
  return Array.from({ length: to - from }, (_, at) => ({ id: from + at, note }))
}
