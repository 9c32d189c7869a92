// The partition of each row of a batch, and the columns the lake adds to name it. Values are turned into text once
// each, not once a row: a batch has many rows of few partitions.
import type { BinaryVector, ColumnVector, Int32Vector } from '#catalog/column.ts'
import { isNull } from '#catalog/column.ts'
import { BinaryBuilder } from '#catalog/column-builder.ts'
import { gather } from '#catalog/gather.ts'
import { invariant } from '#common/errors.ts'
import type { NamedVector } from '#lake/parquet/encode.ts'
import { KeyIndex } from '#lake/reader/key-index.ts'
import { keyText } from '#lake/key/key-text.ts'
import { partitionSegment } from './partition-path.ts'
import type { DatePart, PartitionRule } from './partition-rule.ts'
import { hashBytes, hashInt, hashLong, hashOfNull, positiveMod } from '#lake/key/spark-hash.ts'

/** Numbers partitions in order of first appearance, for as long as it lives. */
export class PartitionNumbers {
  readonly paths: string[] = []
  readonly #numbers = new Map<string, number>()

  of(path: string): number {
    const known = this.#numbers.get(path)
    if (known !== undefined) return known
    this.#numbers.set(path, this.paths.length)
    return this.paths.push(path) - 1
  }
}

/** The values of a partition field: per row a number, per number its text (null: no value). */
interface FieldValues {
  numbers: Int32Array
  texts: (string | null)[]
}

export interface PartitionedColumns {
  /** All columns, those of the partition fields filled in. */
  columns: readonly NamedVector[]
  /** Per row the number of its partition. */
  partitions: Int32Array
}

/** @param columns as stored, the fields to be added among them (with any values) */
export function partitionRows(
  columns: readonly NamedVector[],
  rows: number,
  rules: readonly PartitionRule[],
  numbers: PartitionNumbers,
): PartitionedColumns {
  const fields = rules.map(rule => ({
    rule,
    values: valuesOf(vectorNamed(columns, rule.column), rows, rule),
  }))
  const added = new Map(
    fields.flatMap(({ rule, values }) =>
      rule.by === 'value' ? [] : [[rule.field, addedVector(rule, values)]],
    ),
  )
  return {
    columns: columns.map(column => ({ ...column, vector: added.get(column.name) ?? column.vector })),
    partitions: combined(fields, rows, numbers),
  }
}

function vectorNamed(columns: readonly NamedVector[], name: string): ColumnVector {
  const found = columns.find(column => column.name === name)
  invariant(found !== undefined, `There is no column ${name} to name partitions by`)
  return found.vector
}

function combined(
  fields: readonly { rule: PartitionRule; values: FieldValues }[],
  rows: number,
  numbers: PartitionNumbers,
): Int32Array {
  let paths = ['']
  let partOf = new Int32Array(rows)
  for (const { rule, values } of fields) {
    const seen = new Map<number, number>()
    const longer: string[] = []
    const next = new Int32Array(rows)
    for (let row = 0; row < rows; row++) {
      const pair = partOf[row]! * values.texts.length + values.numbers[row]!
      let number = seen.get(pair)
      if (number === undefined) {
        const parent = paths[partOf[row]!]!
        const segment = partitionSegment(rule.field, values.texts[values.numbers[row]!]!)
        number = longer.push(parent === '' ? segment : `${parent}/${segment}`) - 1
        seen.set(pair, number)
      }
      next[row] = number
    }
    paths = longer
    partOf = next
  }
  const global = paths.map(path => numbers.of(path))
  return partOf.map(number => global[number]!)
}

function addedVector({ by }: PartitionRule, { numbers, texts }: FieldValues): ColumnVector {
  if (by === 'hash') {
    const values = numbers.map(number => Number(texts[number]))
    const head = { length: numbers.length, nullCount: 0, validity: null, unchanged: null }
    return { ...head, type: { kind: 'int32' }, layout: 'int32', values } satisfies Int32Vector
  }
  const builder = new BinaryBuilder({ kind: 'string' })
  for (const text of texts) {
    if (text === null) builder.appendNull()
    else builder.appendString(text)
  }
  return gather(builder.finish(), numbers, numbers.length)
}

function valuesOf(vector: ColumnVector, rows: number, rule: PartitionRule): FieldValues {
  if (rule.by === 'hash') return hashValues(vector, rows, rule.hashes)
  if (rule.by !== 'value') {
    const { by } = rule
    return distinct(vector, rows, periodOf(vector, by), period => periodText(period, by))
  }
  if (vector.layout === 'binary') return textValues(vector, rows)
  const valueOf = (row: number): number | bigint =>
    vector.layout === 'int32' || vector.layout === 'int64'
      ? vector.values[row]!
      : Number(keyText(vector, row) === 'true')
  return distinct(vector, rows, valueOf, (_, row) => keyText(vector, row))
}

function distinct<T extends number | bigint>(
  vector: ColumnVector,
  rows: number,
  valueOf: (row: number) => T,
  textOf: (value: T, row: number) => string,
): FieldValues {
  const seen = new Map<T | null, number>()
  const texts: (string | null)[] = []
  const numbers = new Int32Array(rows)
  for (let row = 0; row < rows; row++) {
    const value = isNull(vector, row) ? null : valueOf(row)
    let number = seen.get(value)
    if (number === undefined) {
      number = texts.push(value === null ? null : textOf(value, row)) - 1
      seen.set(value, number)
    }
    numbers[row] = number
  }
  return { numbers, texts }
}

function textValues(vector: BinaryVector, rows: number): FieldValues {
  const index = new KeyIndex()
  const texts: (string | null)[] = [null]
  const numbers = new Int32Array(rows)
  for (let row = 0; row < rows; row++) {
    if (isNull(vector, row)) continue
    const number = index.add(vector, row) + 1
    if (number === texts.length) texts.push(keyText(vector, row))
    numbers[row] = number
  }
  return { numbers, texts }
}

function hashValues(vector: ColumnVector, rows: number, hashes: number): FieldValues {
  const numbers = new Int32Array(rows)
  for (let row = 0; row < rows; row++) numbers[row] = positiveMod(hashAt(vector, row), hashes)
  return { numbers, texts: Array.from({ length: hashes }, (_, number) => String(number)) }
}

function hashAt(vector: ColumnVector, row: number): number {
  if (isNull(vector, row)) return hashOfNull
  if (vector.layout === 'int32') return hashInt(vector.values[row]!)
  if (vector.layout === 'int64') return hashLong(vector.values[row]!)
  invariant(vector.layout === 'binary', 'A hash is made of numbers and text')
  return hashBytes(vector.data, vector.offsets[row]!, vector.offsets[row + 1]!)
}

const hourUs = 3_600_000_000n
const hourMs = 3_600_000
const dayHours = 24
const dayMs = 86_400_000

/** Days, or with `hour` hours, since 1970-01-01T00:00Z. */
function periodOf(vector: ColumnVector, by: DatePart): (row: number) => number {
  if (vector.layout === 'int32') return row => vector.values[row]!
  invariant(vector.layout === 'int64', 'A date part is taken of a date or a timestamp')
  const hour = (row: number): number => {
    const us = vector.values[row]!
    const hours = us / hourUs
    return Number(us < 0n && hours * hourUs !== us ? hours - 1n : hours)
  }
  return by === 'hour' ? hour : row => Math.floor(hour(row) / dayHours)
}

const textLength: Record<DatePart, number> = { year: 4, month: 7, day: 10, hour: 13 }

/** `2026`, `2026-11`, `2026-11-24`, `2026-11-24-09`, in UTC. */
function periodText(period: number, by: DatePart): string {
  const iso = new Date(period * (by === 'hour' ? hourMs : dayMs)).toISOString()
  return iso.slice(0, textLength[by]).replace('T', '-')
}
