// A table that Spark and we write in turn, beside a model of what it must hold.
import type { TableSchema } from '#catalog/types.ts'
import { systemClock } from '#common/clock.ts'
import { ConflictError } from '#common/errors.ts'
import { openTable } from '#lake/table/open-table.ts'
import type { WantedTable } from '#lake/table/open-table.ts'
import type { TableWriter } from '#lake/table/table-writer.ts'
import type { HudiReaders } from '#test/bed/hudi-readers.ts'
import { TableModel } from '#test/lake/table/model.ts'
import type { RowChange, Value } from '#test/lake/table/vectors.ts'
import { batchOf } from '#test/lake/table/vectors.ts'
import type { DirectLake } from './lakes.ts'
import { expectRows, signal } from './lakes.ts'

export const shopColumns: TableSchema['columns'] = [
  { name: 'id', type: { kind: 'string' }, nullable: false },
  { name: 'price', type: { kind: 'decimal', precision: 10, scale: 2 }, nullable: true },
  { name: 'note', type: { kind: 'string' }, nullable: true },
]
export const keyedShop: TableSchema = { columns: shopColumns, key: ['id'] }
export const appendShop: TableSchema = { columns: shopColumns, key: [] }

/** What docs/guides/sharing-a-table.md tells Spark users to set. */
export function sparkOptions(version: number, buckets: number): Record<string, string> {
  return {
    'hoodie.metadata.enable': 'false',
    'hoodie.write.auto.upgrade': 'false',
    'hoodie.write.table.version': String(version),
    ...(buckets === 0
      ? {}
      : {
          'hoodie.index.type': 'BUCKET',
          'hoodie.bucket.index.num.buckets': String(buckets),
          'hoodie.bucket.index.hash.field': 'id',
        }),
  }
}

export class SharedTable {
  readonly model: TableModel
  readonly name: string
  readonly #lake: DirectLake
  readonly #readers: HudiReaders
  readonly #wanted: Omit<WantedTable, 'name'>
  #seq = 0

  constructor(
    place: { lake: DirectLake; readers: HudiReaders },
    name: string,
    wanted: Pick<WantedTable, 'schema' | 'version'> & Partial<WantedTable>,
  ) {
    this.#lake = place.lake
    this.#readers = place.readers
    this.name = name
    this.#wanted = { estimatedBytes: 0, policy: 'evolve', ...wanted }
    // Ids are unique in a table without a key, too.
    this.model = new TableModel({ ...wanted.schema, key: ['id'] })
  }

  get store() {
    return this.#lake.store.at(this.name)
  }

  get url(): string {
    return this.#lake.url(this.name)
  }

  get seq(): number {
    return ++this.#seq
  }

  open(writer = 'test', more: Partial<WantedTable> = {}): Promise<TableWriter> {
    const wanted = { ...this.#wanted, name: this.name, ...more }
    return openTable(wanted, { store: this.store, clock: systemClock, writer, signal })
  }

  /** Rows k<from> … with this note. */
  rows(from: number, count: number, note: string): RowChange[] {
    return Array.from({ length: count }, (_, at) => this.row(`k${from + at}`, note))
  }

  row(id: string, note: string, more: Record<string, Value> = {}): RowChange {
    const { seq } = this
    const op = this.#wanted.schema.key.length > 0 ? 'update' : 'insert'
    return { op, seq, row: { id, price: BigInt(seq), note, ...more } }
  }

  deletes(...ids: string[]): RowChange[] {
    return ids.map(id => ({ op: 'delete', seq: this.seq, row: { id } }))
  }

  async write(writer: TableWriter, changes: RowChange[]): Promise<void> {
    this.model.apply(changes)
    for (;;)
      try {
        await writer.stage({ batch: batchOf(this.#wanted.schema, changes), truncate: null }, signal)
        await writer.commit([], {}, signal)
        return
      } catch (error) {
        if (!(error instanceof ConflictError)) throw error
        await writer.abort()
        await writer.refresh()
      }
  }

  /** The code of the error that a commit of these rows ends with. */
  async refusal(writer: TableWriter, changes: RowChange[]): Promise<string> {
    await writer.stage({ batch: batchOf(this.#wanted.schema, changes), truncate: null }, signal)
    return writer.commit([], {}, signal).then(
      () => 'none',
      (error: { code: string }) => error.code,
    )
  }

  /** Spark SQL on `t`. */
  async spark(...statements: string[]): Promise<void> {
    for (const text of statements) await this.#readers.sql(this.url, text, this.#s3)
  }

  async sparkSet(options: Readonly<Record<string, string>>): Promise<void> {
    await this.spark(...Object.entries(options).map(([key, value]) => `set ${key}=${value}`))
  }

  /** Changes of the model as a SQL source for `merge into` or `insert`. */
  static values(changes: readonly RowChange[]): string {
    const rows = changes.map(
      ({ seq, row }) =>
        `('${String(row['id'])}', cast(${Number(row['price']) / 100} as decimal(10,2)), '${String(row['note'])}', ${seq}L)`,
    )
    return `select * from values ${rows.join(', ')} as s(id, price, note, _sluice_seq)`
  }

  async sparkMerge(changes: RowChange[]): Promise<void> {
    this.model.apply(changes)
    await this.spark(
      `merge into t using (${SharedTable.values(changes)}) s on t.id = s.id when matched then update set * when not matched then insert *`,
    )
  }

  expectRead(): Promise<void> {
    return expectRows(this.#lake, this.name, this.model.rows(), this.#readers)
  }

  get #s3() {
    return this.#lake.s3 ? { s3: this.#lake.s3 } : {}
  }
}
