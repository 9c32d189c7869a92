// The rows the lake benches write: 12 fields, about 150 bytes as JSON, the same that the Kafka scenarios send. A row is a
// function of its number and of the round that wrote it last, so that every engine can make the same ones.
import type { ChangeBatch } from '#catalog/change-batch.ts'
import { BooleanBuilder, columnBuilder, Float64Builder, Int32Builder } from '#catalog/column-builder.ts'
import type { ColumnBuilder } from '#catalog/column-builder.ts'
import { BinaryBuilder, Int64Builder } from '#catalog/column-builder.ts'
import type { ColumnType, TableSchema } from '#catalog/types.ts'

const kinds: Readonly<Record<string, ColumnType['kind']>> = {
  id: 'string',
  ts: 'int64',
  rg: 'string',
  us: 'int32',
  sk: 'string',
  q: 'int32',
  p: 'float64',
  c: 'string',
  st: 'string',
  f: 'boolean',
  u: 'int64',
  n: 'string',
}

export const ordersSchema: TableSchema = {
  columns: Object.entries(kinds).map(([name, kind]) => ({
    name,
    type: { kind } as ColumnType,
    nullable: name !== 'id',
  })),
  key: ['id'],
}

const regions = ['eu', 'us', 'ap', 'af']
const currencies = ['EUR', 'USD', 'JPY']
const states = ['new', 'paid', 'sent', 'done']

/** Quadratic residues look random enough; as spark-rounds.py has it. */
function mixed(row: number, round: number, field: number): number {
  const sum = (row * 7919 + round * 104_729 + field * 1_299_709) % 15_485_863
  return (sum * sum) % 15_485_863
}

/** The rows as of this round (0: their first state), whose sequences follow each other from `sequence`. */
export function ordersBatch(rows: Int32Array, round: number, sequence: number): ChangeBatch {
  const columns = ordersSchema.columns.map(({ name, type }) => {
    const builder = columnBuilder(type)
    for (const [at, row] of rows.entries()) fill(builder, name, { row, round, ts: sequence + at })
    return builder.finish()
  })
  return {
    schema: ordersSchema,
    length: rows.length,
    columns,
    operations: new Uint8Array(rows.length).fill(1),
    sequences: BigInt64Array.from({ length: rows.length }, (_, at) => BigInt(sequence + at)),
  }
}

interface Cell {
  row: number
  round: number
  ts: number
}

function fill(builder: ColumnBuilder, name: string, cell: Cell): void {
  const { row, round, ts } = cell
  if (builder instanceof BooleanBuilder) builder.append(mixed(row, round, 1) % 2 === 1)
  else if (builder instanceof Int32Builder)
    builder.append(mixed(row, round, 2) % (name === 'us' ? 100_000 : 100))
  else if (builder instanceof Float64Builder) builder.append((mixed(row, round, 3) % 100_000) / 100)
  else if (builder instanceof Int64Builder) builder.appendNumber(name === 'ts' ? ts : 1_790_000_000_000 + ts)
  else if (builder instanceof BinaryBuilder) builder.appendString(textOf(name, cell))
}

function textOf(name: string, { row, round }: Cell): string {
  switch (name) {
    case 'id':
      return `k${String(row).padStart(7, '0')}`
    case 'rg':
      return regions[row % 4]!
    case 'sk':
      return `s-${mixed(row, round, 4) % 9999}`
    case 'c':
      return currencies[mixed(row, round, 5) % 3]!
    case 'st':
      return states[mixed(row, round, 6) % 4]!
    default:
      return `note${mixed(row, round, 7) % 99_999}`
  }
}
