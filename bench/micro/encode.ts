// What the lake's codecs cost, in CPU seconds per million rows: Parquet written and read, Avro log records written
// and read, for rows of Hudi's five columns and twelve more. For comparison the same file by arrow-rs built to
// WebAssembly, fed the same buffers as Arrow IPC.
//
//   node bench/micro/encode.ts [ROWS]
import { Field, makeData, RecordBatch, RecordBatchStreamWriter, Schema, Struct } from 'apache-arrow'
import type { DataType } from 'apache-arrow'
import { Float64, Int32, Int64, Utf8 } from 'apache-arrow'
import { Compression, Table, writeParquet, WriterPropertiesBuilder } from 'parquet-wasm'
import { BinaryBuilder, Float64Builder, Int32Builder, Int64Builder } from '#catalog/column-builder.ts'
import type { ColumnBuilder } from '#catalog/column-builder.ts'
import { columnBuilder } from '#catalog/column-builder.ts'
import type { ColumnVector } from '#catalog/column.ts'
import { vectorBytes } from '#catalog/column.ts'
import { decodeRecords, encodeRecords } from '#lake/avro/records.ts'
import { avroSchemaOf } from '#lake/avro/schema.ts'
import { constantStrings } from '#lake/parquet/constant-strings.ts'
import { openParquet } from '#lake/parquet/decode.ts'
import type { NamedVector } from '#lake/parquet/encode.ts'
import { encodeParquet } from '#lake/parquet/encode.ts'

const rows = Number(process.argv[2] ?? 1_000_000)
const instant = '20261124224411123'

type Kind = 'int32' | 'int64' | 'float64' | 'string'
type Make = (row: number, mixed: number) => number | string

const shared: readonly (readonly [string, Kind, Make])[] = [
  ['id', 'string', (_, mixed) => `order-${mixed % 5_000_000}`],
  ['customer', 'int64', (_, mixed) => mixed % 100_000],
  ['at', 'int64', row => 1_764_000_000_000_000 + row * 1234],
  ['sequence', 'int64', row => 5_000_000_000 + row],
  ['status', 'string', (_, mixed) => ['new', 'paid', 'shipped', 'returned'][mixed >>> 30]!],
  ['country', 'string', (_, mixed) => ['de', 'fr', 'us', 'cn', 'in', 'br'][(mixed >>> 16) % 6]!],
  ['price', 'float64', (_, mixed) => (mixed % 1_000_000) / 100],
  ['tax', 'float64', (_, mixed) => (mixed % 10_000) / 100],
  ['quantity', 'int32', (_, mixed) => (mixed >>> 20) % 10],
  ['day', 'int32', (_, mixed) => 20_000 + (mixed >>> 24)],
]
const shapes = {
  'events, about 150 bytes': [
    ...shared,
    ['email', 'string', (_, mixed) => `user${mixed % 100_000}@example.com`],
    ['note', 'string', (row, mixed) => `note ${mixed.toString(36)} and ${row.toString(36)}`],
  ],
  'database rows, about 560 bytes': [
    ...shared,
    ['address', 'string', (row, mixed) => `${row % 300} ${'Long Street of Words '.repeat(4)}${mixed}`],
    [
      'document',
      'string',
      (row, mixed) => `{"a":${row},"b":"${mixed.toString(36)}","c":[${'12345,'.repeat(45)}0]}`,
    ],
  ],
} as const satisfies Record<string, readonly (readonly [string, Kind, Make])[]>

function column([name, kind, make]: readonly [string, Kind, Make]): NamedVector {
  const builder: ColumnBuilder = columnBuilder({ kind })
  for (let row = 0; row < rows; row++) {
    const value = make(row, Math.imul(row ^ (row >>> 7), 0x9e3779b1) >>> 0)
    if (builder instanceof Int32Builder || builder instanceof Float64Builder) builder.append(value as number)
    else if (builder instanceof Int64Builder) builder.appendNumber(value as number)
    else if (builder instanceof BinaryBuilder) builder.appendString(value as string)
  }
  return { name, vector: builder.finish(), nullable: true }
}

function tableOf(shape: readonly (readonly [string, Kind, Make])[]): NamedVector[] {
  const constant = (name: string, value: string): NamedVector => ({
    name,
    vector: constantStrings(value, rows),
    nullable: true,
  })
  return [
    constant('_hoodie_commit_time', instant),
    column(['_hoodie_commit_seqno', 'string', row => `${instant}_0_${row}`]),
    column(['_hoodie_record_key', 'string', shape[0]![2]]),
    constant('_hoodie_partition_path', ''),
    constant('_hoodie_file_name', `00000003-0000-0000-0000-000000000000-0_0-0-0_${instant}.parquet`),
    ...shape.map(column),
  ]
}

function viaArrow(columns: readonly NamedVector[], from: number, to: number): Uint8Array {
  const fields = columns.map(({ name, vector }) => new Field(name, arrowType(vector), true))
  const children = columns.map(({ vector }) => arrowData(vector, from, to))
  const length = to - from
  const data = makeData({ type: new Struct(fields), length, nullCount: 0, children })
  const schema = new Schema(fields)
  const writer = new RecordBatchStreamWriter()
  writer.reset(undefined, schema)
  writer.write(new RecordBatch(schema, data))
  writer.finish()
  const table = Table.fromIPCStream(writer.toUint8Array(true))
  return writeParquet(table, new WriterPropertiesBuilder().setCompression(Compression.ZSTD).build())
}

function arrowType(vector: ColumnVector): DataType {
  switch (vector.layout) {
    case 'binary':
      return new Utf8()
    case 'int32':
      return new Int32()
    case 'int64':
      return new Int64()
    default:
      return new Float64()
  }
}

function arrowData(vector: ColumnVector, from: number, to: number): ReturnType<typeof makeData> {
  const common = { length: to - from, nullCount: 0 }
  if (vector.layout === 'binary')
    return makeData({
      ...common,
      type: new Utf8(),
      valueOffsets: vector.offsets.subarray(from, to + 1),
      data: vector.data,
    })
  const { values } = vector as ColumnVector & { layout: 'int64' }
  return makeData({ ...common, type: arrowType(vector) as Int64, data: values.subarray(from, to) })
}

async function measure(name: string, run: () => number | Promise<number>): Promise<void> {
  const costs: number[] = []
  let bytes = 0
  for (let round = 0; round < 4; round++) {
    const start = process.cpuUsage()
    bytes = await run()
    const { user, system } = process.cpuUsage(start)
    costs.push((user + system) / rows)
  }
  const best = Math.min(...costs)
  const mib = (bytes / 2 ** 20).toFixed(1)
  process.stdout.write(`  ${name.padEnd(28)} ${best.toFixed(2)} CPU-s per 1M rows, ${mib} MiB\n`)
}

const groupRows = 125_000

for (const [title, shape] of Object.entries(shapes)) {
  const columns = tableOf(shape)
  const raw = columns.slice(5).reduce((sum, { vector }) => sum + vectorBytes(vector), 0)
  process.stdout.write(
    `${title} (${Math.round(raw / rows)} in columns), ${rows} rows of ${columns.length} columns\n`,
  )
  for (const compression of ['zstd', 'snappy', 'uncompressed'] as const)
    await measure(
      `Parquet ${compression}`,
      () => encodeParquet(columns, rows, { compression, keyValues: {} }).length,
    )
  const file = encodeParquet(columns, rows, { compression: 'zstd', keyValues: {} })
  await measure('Parquet zstd, read', async () => {
    let read = 0
    for (const slice of (await openParquet(file)).slices()) read += slice.rows
    return read
  })
  await measure('Parquet zstd, arrow-rs', () => {
    let bytes = 0
    for (let from = 0; from < rows; from += groupRows)
      bytes += viaArrow(columns, from, Math.min(rows, from + groupRows)).length
    return bytes
  })
  const schema = avroSchemaOf(
    't',
    { columns: columns.map(({ name, vector }) => ({ name, type: vector.type, nullable: true })), key: [] },
    { metaFields: false },
  )
  const half = Math.floor(rows / 2)
  await measure('Avro records', () => 2 * encodeRecords(columns, null, half).length)
  const content = encodeRecords(columns, null, half)
  await measure('Avro records, read', () => 2 * decodeRecords(schema, content).rows)
  const rss = Math.round(process.memoryUsage.rss() / 2 ** 20)
  process.stdout.write(`  resident ${rss} MiB, the rows and their copies included\n`)
}
