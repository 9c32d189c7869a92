// What a table must hold after changes, by a plain model: keyed tables keep the newest change of each key, append
// tables keep them all. Rows in the canonical form of test/golden/README.md.
import type { TableSchema } from '#catalog/types.ts'
import { TableReader } from '#lake/reader/table-reader.ts'
import type { MemoryStore } from '#lake/storage/memory.ts'
import type { CanonicalRow, CanonicalValue } from '#test/bed/canonical.ts'
import { canonicalJson, canonicalValue } from '#test/bed/canonical.ts'
import { canonicalRows, plainValue } from '../reader/canonical.ts'
import type { RowChange, Value } from './vectors.ts'
import { unchanged, vectorOf } from './vectors.ts'

export class TableModel {
  readonly #rows = new Map<string, { row: Readonly<Record<string, Value>>; seq: number | bigint }>()
  schema: TableSchema

  constructor(schema: TableSchema) {
    this.schema = schema
  }

  apply(changes: readonly RowChange[]): void {
    for (const { op, seq, row } of changes) {
      const key = JSON.stringify(this.schema.key.map(name => String(row[name])))
      const known = this.#rows.get(key)
      if (op === 'delete') {
        this.#rows.delete(key)
        continue
      }
      const whole = Object.entries(row).map(([name, value]) => [
        name,
        value === unchanged ? (known?.row[name] ?? null) : value,
      ])
      this.#rows.set(key, { row: Object.fromEntries(whole) as Record<string, Value>, seq })
    }
  }

  truncate(): void {
    this.#rows.clear()
  }

  get keys(): Readonly<Record<string, Value>>[] {
    return [...this.#rows.values()].map(({ row }) =>
      Object.fromEntries(this.schema.key.map(name => [name, row[name] ?? null])),
    )
  }

  /** As readers give it: by column name, in the order of their text. */
  rows(): CanonicalRow[] {
    const rows = [...this.#rows.values()].map(({ row, seq }) => ({
      ...canonicalOf(this.schema, row),
      _sluice_seq: Number(seq),
    }))
    return inOrder(rows)
  }
}

export interface Committed {
  changes: readonly RowChange[]
  /** All rows of before went first. */
  truncate: boolean
}

/** What a table must hold after these, in this order, and what it does. */
export async function afterCommits(
  store: MemoryStore,
  schema: TableSchema,
  commits: readonly Committed[],
): Promise<{ expected: CanonicalRow[]; found: CanonicalRow[] }> {
  const model = new TableModel(schema)
  for (const { changes, truncate } of commits) {
    if (truncate) model.truncate()
    model.apply(changes)
  }
  const found: CanonicalRow[] = []
  const columns = [...schema.columns.map(({ name }) => name), '_sluice_seq']
  const reader = await TableReader.open(store)
  for await (const batch of reader.read({ columns })) found.push(...canonicalRows(batch))
  return { expected: model.rows(), found: inOrder(found) }
}

export function canonicalOf(schema: TableSchema, row: Readonly<Record<string, Value>>): CanonicalRow {
  return Object.fromEntries(
    schema.columns.map(({ name, type }): [string, CanonicalValue] => [
      name,
      canonicalValue(type, plainValue(vectorOf(type, [row[name] ?? null]), 0)),
    ]),
  )
}

/** Rows in the order of their canonical text. */
export function inOrder(rows: readonly CanonicalRow[]): CanonicalRow[] {
  return rows
    .map(row => ({ row, text: canonicalJson(row) }))
    .toSorted((a, b) => (a.text < b.text ? -1 : 1))
    .map(({ row }) => row)
}
