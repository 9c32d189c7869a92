// Tables whose columns change while they hold old base files and old logs: after every change, and once compacted, each
// reader gives each row right. What the tables may become is in docs/schema-evolution.md.
import { expect } from 'chai'
import type { Column, ColumnType, TableSchema } from '#catalog/types.ts'
import { systemClock } from '#common/clock.ts'
import { Journal } from '#lake/journal/journal.ts'
import { TableReader } from '#lake/reader/table-reader.ts'
import { compactSome } from '#lake/services/compact.ts'
import { defaultCompactionPolicy } from '#lake/services/plan-compaction.ts'
import { readDefinition } from '#lake/table/create.ts'
import type { WantedTable } from '#lake/table/open-table.ts'
import type { TableWriter } from '#lake/table/table-writer.ts'
import type { CanonicalRow } from '#test/bed/canonical.ts'
import { canonicalJson } from '#test/bed/canonical.ts'
import type { HudiVersion } from '#test/bed/cache.ts'
import type { HudiReaders } from '#test/bed/hudi-readers.ts'
import { requires } from '#test/bed/requires.ts'
import { canonicalRows } from '#test/lake/reader/canonical.ts'
import { inOrder, TableModel } from '#test/lake/table/model.ts'
import type { RowChange, Value } from '#test/lake/table/vectors.ts'
import { batchOf, unchanged } from '#test/lake/table/vectors.ts'
import type { DirectLake } from './lakes.ts'
import { expectRows, folderLake, signal, withReaders, writerOf } from './lakes.ts'

const decimal = (precision: number): ColumnType => ({ kind: 'decimal', precision, scale: 2 })
const column = (name: string, type: ColumnType): Column => ({ name, type, nullable: true })
const struct = (fields: Record<string, ColumnType>): ColumnType => ({
  kind: 'struct',
  fields: Object.entries(fields).map(([name, type]) => ({ name, type })),
})
const list = (element: ColumnType): ColumnType => ({ kind: 'list', element })
const map = (value: ColumnType): ColumnType => ({ kind: 'map', value })
const int: ColumnType = { kind: 'int32' }
const long: ColumnType = { kind: 'int64' }
const real: ColumnType = { kind: 'float64' }
const text: ColumnType = { kind: 'string' }
const base: Column[] = [
  { name: 'id', type: { kind: 'int64' }, nullable: false },
  column('whole', { kind: 'int32' }),
  column('share', { kind: 'int32' }),
  column('price', decimal(6)),
  column('note', { kind: 'string' }),
  column('old', { kind: 'string' }),
]
/** Of tables whose nested columns change. */
const nestedBase: Column[] = [
  ...base,
  column('place', struct({ city: text, floor: int, spot: struct({ lat: real }) })),
  column('items', list(struct({ sku: text, qty: int }))),
  column('named', map(struct({ n: int }))),
  column('sizes', list(int)),
]

/** Nested values with nulls at every level. */
function nestedValues(id: number): Record<string, Value> {
  return {
    place: [null, [null, id, null], [`city ${id}`, null, [null]], [`city ${id}`, id, [id + 0.5]]][id % 4]!,
    items: [null, [], [null, [null, id]], [[`sku ${id}`, null]]][(id >> 2) % 4]!,
    named: [null, [], [['a', null]], [['b', [id]]]][(id >> 1) % 4]!,
    sizes: [null, [], [null, id], [id]][(id >> 3) % 4]!,
  }
}

interface Step {
  what: string
  /** Undefined: `base`. */
  from?: Column[]
  change: (columns: readonly Column[]) => Column[]
  /** With what words hudi-rs refuses old logs until they are compacted, which they are at once. */
  refusedByHudiRs?: string
  /** So does Hudi 0.15. */
  refusedByHudi015?: boolean
  /** Values that only the new columns hold. */
  values: (id: number) => Record<string, Value>
}

const retyped =
  (name: string, type: ColumnType) =>
  (columns: readonly Column[]): Column[] =>
    columns.map(each => (each.name === name ? { ...each, type } : each))

const steps: Step[] = [
  {
    what: 'int32 to int64',
    change: retyped('whole', { kind: 'int64' }),
    values: id => ({ whole: 2n ** 40n + BigInt(id) }),
  },
  {
    what: 'int32 to float64',
    change: retyped('share', { kind: 'float64' }),
    values: id => ({ share: id + 0.1 }),
  },
  {
    what: 'more digits',
    change: retyped('price', decimal(20)),
    refusedByHudi015: true,
    values: id => ({ price: 10n ** 17n + BigInt(id) }),
  },
  {
    what: 'a column added in the middle',
    change: columns => [...columns.slice(0, 2), column('colour', { kind: 'string' }), ...columns.slice(2)],
    values: id => ({ colour: `colour ${id}` }),
  },
  {
    what: 'a list added',
    change: columns => [...columns, column('tags', { kind: 'list', element: { kind: 'string' } })],
    values: id => ({ tags: [`t${id}`, null] }),
  },
  {
    what: 'fields added to a struct and one in it',
    from: nestedBase,
    refusedByHudiRs: 'incompatible with target',
    change: retyped(
      'place',
      struct({ city: text, floor: int, spot: struct({ lat: real, at: decimal(9) }), zip: text }),
    ),
    values: id => ({ place: [`city ${id}`, id, [1.5, BigInt(id)], `zip ${id}`] }),
  },
  {
    what: 'a field of a struct to int64',
    from: nestedBase,
    refusedByHudiRs: 'incompatible with target',
    change: retyped('place', struct({ city: text, floor: long, spot: struct({ lat: real }) })),
    values: id => ({ place: [null, 2n ** 40n + BigInt(id), null] }),
  },
  {
    what: 'fields added to structs in a list and a map',
    from: nestedBase,
    refusedByHudiRs: 'incompatible with target',
    change: columns =>
      retyped(
        'items',
        list(struct({ sku: text, qty: int, tags: list(text) })),
      )(retyped('named', map(struct({ n: int, s: text })))(columns)),
    values: id => ({ items: [[null, id, [`t${id}`]], null], named: [['c', [id, `s${id}`]]] }),
  },
  {
    what: 'fields of structs in a list and a map to int64',
    from: nestedBase,
    refusedByHudiRs: 'incompatible with target',
    change: columns =>
      retyped(
        'items',
        list(struct({ sku: text, qty: long })),
      )(retyped('named', map(struct({ n: long })))(columns)),
    values: id => ({ items: [[null, 2n ** 40n + BigInt(id)], null], named: [['c', [2n ** 41n]]] }),
  },
  {
    what: 'elements of a list to int64',
    from: nestedBase,
    refusedByHudiRs: 'incompatible with target',
    change: retyped('sizes', list(long)),
    values: id => ({ sizes: [2n ** 40n + BigInt(id), null] }),
  },
  {
    what: 'several changes at once',
    change: columns => [
      ...retyped('whole', { kind: 'int64' })(retyped('price', decimal(20))(columns)),
      column('colour', { kind: 'string' }),
    ],
    refusedByHudiRs: 'has type',
    values: id => ({ whole: 2n ** 40n, price: 10n ** 17n, colour: `colour ${id}` }),
  },
  {
    what: 'a column dropped, another renamed',
    change: columns =>
      columns
        .filter(({ name }) => name !== 'old')
        .map(each => (each.name === 'note' ? { ...each, name: 'remark' } : each)),
    values: id => ({ remark: `remark ${id}` }),
  },
]

class Evolving {
  readonly lake: DirectLake
  readonly wanted: Pick<WantedTable, 'name'> & Partial<WantedTable>
  schema: TableSchema
  model: TableModel
  seq = 0
  writer!: TableWriter

  constructor(
    lake: DirectLake,
    wanted: Pick<WantedTable, 'name'> & Partial<WantedTable>,
    { columns, key }: TableSchema,
  ) {
    this.lake = lake
    this.wanted = wanted
    this.schema = { columns, key }
    this.model = new TableModel({ columns, key: ['id'] })
  }

  async open(): Promise<void> {
    this.writer = await writerOf(this.lake, { buckets: 1, ...this.wanted, schema: this.schema })
  }

  row(id: number, more: Record<string, Value> = {}): RowChange {
    const all: Record<string, Value> = {
      id: BigInt(id),
      whole: id,
      share: id,
      price: BigInt(id),
      note: `note ${id}`,
      old: `old ${id}`,
      ...nestedValues(id),
      ...more,
    }
    const names = new Set(this.schema.columns.map(({ name }) => name))
    const row = Object.fromEntries(Object.entries(all).filter(([name]) => names.has(name)))
    const op = this.schema.key.length === 0 ? 'insert' : 'update'
    return { op, seq: ++this.seq, row }
  }

  async commit(changes: RowChange[]): Promise<string> {
    await this.writer.stage({ batch: batchOf(this.schema, changes), truncate: null }, signal)
    const { commit } = await this.writer.commit([], {}, signal)
    this.model.apply(changes)
    return commit!
  }

  /** The columns of the table: those of the source, and those it once had. */
  async evolve({ change }: Step): Promise<void> {
    this.schema = { ...this.schema, columns: change(this.schema.columns) }
    await this.writer.evolve(this.schema)
    const now = new Map(this.model.schema.columns.map(each => [each.name, each]))
    for (const each of this.schema.columns) now.set(each.name, each)
    this.model.schema = { columns: [...now.values()], key: ['id'] }
  }

  /** What readers must give. */
  rows(): CanonicalRow[] {
    // Deletes are rows there (definition.ts#marksDeletes).
    const more = this.wanted.version === 6 ? { _hoodie_is_deleted: false } : {}
    return inOrder(this.model.rows().map(row => ({ ...row, ...more })))
  }

  async compact(logFilesMin: number): Promise<number> {
    const store = this.lake.store.at(this.wanted.name)
    const journal = await Journal.open(store, { clock: systemClock, writer: 'services', signal })
    const definition = (await readDefinition(store))!
    const policy = { ...defaultCompactionPolicy, logFilesMin, logBytesShareMin: 0 }
    const compacted = await compactSome({ store, definition, journal, clock: systemClock, signal }, policy)
    return compacted?.fileGroups ?? 0
  }
}

const kinds: { name: string; rows: number; key: string[]; wanted: Partial<WantedTable> }[] = [
  { name: 'mor_avro_logs', rows: 20, key: ['id'], wanted: {} },
  { name: 'mor_parquet_logs', rows: 1100, key: ['id'], wanted: {} },
  { name: 'mor_version_6', rows: 20, key: ['id'], wanted: { version: 6 } },
  { name: 'cow', rows: 20, key: ['id'], wanted: { tableType: 'COPY_ON_WRITE' } },
  { name: 'append', rows: 20, key: [], wanted: {} },
]

describe('columns that change, read by Spark and hudi-rs', function () {
  requires('hudi')
  this.timeout(600_000)
  let lake: DirectLake
  let readers: HudiReaders
  withReaders(folderLake, given => ({ lake, readers } = given))

  for (const { name, rows, key, wanted } of kinds)
    for (const step of steps)
      it(`${name}: ${step.what}`, async () => {
        const table = new Evolving(
          lake,
          { name: `${name}_${step.what.replaceAll(/\W/g, '_')}`, ...wanted },
          { columns: step.from ?? base, key },
        )
        await table.open()
        const ids = (from: number): number[] => Array.from({ length: rows }, (_, at) => from + at)
        await table.commit(ids(0).map(id => table.row(id)))
        const half = rows / 2
        const changed = (from: number): number[] => ids(key.length > 0 ? from : from + 10 * rows + table.seq)
        await table.commit(changed(half).map(id => table.row(id, { note: 'log' })))
        const before = await rowsAsOf(table)
        await table.evolve(step)
        await table.commit(changed(half + 5).map(id => table.row(id, step.values(id))))
        if (key.length > 0) {
          // A value the source left out comes from the old base file or log, through the new columns.
          const toast = [1, half + 1, half + 6].map(id =>
            table.row(id, { ...step.values(id), [noteOf(table)]: unchanged }),
          )
          await table.commit(toast)
        }
        const isMergeOnRead = name.startsWith('mor')
        if (isMergeOnRead && step.refusedByHudiRs) await expectRefused(table, step.refusedByHudiRs)
        else await expectAll(table, step.refusedByHudi015)
        expect(await rowsAsOf(table, before.instant)).to.deep.equal(before)
        if (table.wanted.version !== 6) await expectSameIncrement(table, before.completionTime)
        if (isMergeOnRead) {
          expect(await table.compact(step.refusedByHudiRs || step.refusedByHudi015 ? 1000 : 1)).to.equal(1)
          await expectAll(table)
        }
      })

  async function expectAll(table: Evolving, refusedByHudi015 = false): Promise<void> {
    await expectRows(lake, table.wanted.name, table.rows(), readers)
    if (table.wanted.version !== 6) return
    if (!refusedByHudi015) return expectSpark(table, '0.15.0')
    const options = { hudiVersion: '0.15.0' } as const
    const refusal = await readers
      .readSpark(lake.url(table.wanted.name), options)
      .catch((error: unknown) => error)
    expect(refusal).to.be.instanceOf(Error)
    expect((refusal as Error).message).to.include('AvroTypeException')
  }

  async function expectSpark(table: Evolving, hudiVersion: HudiVersion): Promise<void> {
    const found = await readers.readSpark(lake.url(table.wanted.name), { hudiVersion })
    const expected = table.rows().map(canonicalJson)
    expect(inOrder(found).map(canonicalJson), `Spark, Hudi ${hudiVersion}`).to.deep.equal(expected)
  }

  /** Spark reads it as it is; hudi-rs says that it does not, rather than giving other rows. */
  async function expectRefused(table: Evolving, words: string): Promise<void> {
    expect((await rowsAsOf(table)).rows).to.deep.equal(table.rows().map(canonicalJson))
    await expectSpark(table, '1.2.0')
    const refusal = await readers.readHudiRs(lake.url(table.wanted.name)).catch((error: unknown) => error)
    expect(refusal).to.be.instanceOf(Error)
    expect((refusal as Error).message).to.include(words)
  }

  /** What changed since, under the new columns. */
  async function expectSameIncrement(table: Evolving, from: string): Promise<void> {
    const reader = await TableReader.open(lake.store.at(table.wanted.name))
    const own = []
    for await (const batch of reader.read({ from })) own.push(...canonicalRows(batch))
    expect(own).to.not.have.length(0)
    const sparks = await readers.readSpark(lake.url(table.wanted.name), { incrementalFrom: from })
    expect(inOrder(own).map(canonicalJson)).to.deep.equal(inOrder(sparks).map(canonicalJson))
  }

  async function rowsAsOf(
    table: Evolving,
    asOf?: string,
  ): Promise<{ instant: string; completionTime: string; rows: string[] }> {
    const reader = await TableReader.open(
      lake.store.at(table.wanted.name),
      asOf === undefined ? {} : { asOf },
    )
    const rows = []
    for await (const batch of reader.read()) rows.push(...canonicalRows(batch))
    const { instant, completionTime } = reader.commits.at(-1)!
    return { instant, completionTime: completionTime!, rows: inOrder(rows).map(canonicalJson) }
  }
})

function noteOf({ schema }: Evolving): string {
  return schema.columns.some(({ name }) => name === 'note') ? 'note' : 'remark'
}
