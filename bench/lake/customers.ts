// Rows of the storage comparison: a customer with 15 fields, of which four are text that no compression finds twice. A
// row is a function of its number and of the round that changed it last.
import type { ChangeBatch } from '#catalog/change-batch.ts'
import type { ColumnBuilder } from '#catalog/column-builder.ts'
import { BinaryBuilder, columnBuilder, Float64Builder, Int64Builder } from '#catalog/column-builder.ts'
import type { ColumnType, TableSchema } from '#catalog/types.ts'
import { seeded } from './key-draws.ts'

const kinds: Readonly<Record<string, ColumnType['kind']>> = {
  id: 'int64',
  name: 'string',
  email: 'string',
  street: 'string',
  note: 'string',
  city: 'string',
  country: 'string',
  segment: 'string',
  language: 'string',
  status: 'string',
  visits: 'int64',
  orders: 'int64',
  spent: 'float64',
  created_at: 'timestamp',
  updated_at: 'timestamp',
}

export const customersSchema: TableSchema = {
  columns: Object.entries(kinds).map(([name, kind]) => ({
    name,
    type: { kind } as ColumnType,
    nullable: name !== 'id',
  })),
  key: ['id'],
}

const syllables = [
  'an',
  'be',
  'cor',
  'da',
  'el',
  'fi',
  'gra',
  'ho',
  'in',
  'ja',
  'ka',
  'lo',
  'mi',
  'no',
  'or',
  'pe',
]
const wordsOf: Readonly<Record<string, number>> = { name: 2, email: 2, street: 3, note: 12 }
const choices: Readonly<Record<string, number>> = {
  city: 900,
  country: 40,
  segment: 6,
  language: 12,
  status: 4,
}

/** Rows as of this round (0: their first state), written at `atMs`, with sequences that follow each other. */
export function customersBatch(
  rows: Int32Array,
  { round, sequence, atMs }: { round: number; sequence: number; atMs: number },
): ChangeBatch {
  const builders = customersSchema.columns.map(({ type }) => columnBuilder(type))
  for (const row of rows) {
    const random = seeded(row * 1009 + round)
    for (const [index, { name }] of customersSchema.columns.entries())
      fill(builders[index]!, name, { row, atMs, random })
  }
  return {
    schema: customersSchema,
    length: rows.length,
    columns: builders.map(builder => builder.finish()),
    operations: new Uint8Array(rows.length).fill(1),
    sequences: BigInt64Array.from({ length: rows.length }, (_, at) => BigInt(sequence + at)),
  }
}

interface Cell {
  row: number
  atMs: number
  random: () => number
}

function fill(builder: ColumnBuilder, name: string, { row, atMs, random }: Cell): void {
  if (builder instanceof Float64Builder) builder.append(Math.floor(random() * 1_000_000) / 100)
  else if (builder instanceof Int64Builder) {
    if (name === 'id') builder.appendNumber(row)
    else if (name === 'created_at') builder.appendNumber((1_600_000_000 + row * 37) * 1_000_000)
    else if (name === 'updated_at') builder.appendNumber(atMs * 1000)
    else builder.appendNumber(Math.floor(random() * 5_000))
  } else if (builder instanceof BinaryBuilder) builder.appendString(textOf(name, random))
}

function textOf(name: string, random: () => number): string {
  const pick = (count: number): number => Math.floor(random() * count)
  if (name in choices) return `${name} ${pick(choices[name]!)}`
  const word = (): string => Array.from({ length: 3 }, () => syllables[pick(16)]!).join('')
  const text = Array.from({ length: wordsOf[name]! }, word).join(name === 'email' ? '.' : ' ')
  return name === 'email' ? `${text}@example.com` : text
}
