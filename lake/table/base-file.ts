// A base file: a Parquet file with Hudi's own columns first, whose footer tells Java readers its Avro schema.
import type { EncodeOptions, NamedVector } from '#lake/parquet/encode.ts'
import { encodeParquet } from '#lake/parquet/encode.ts'
import type { Compression } from '#lake/parquet/format.ts'
import type { AvroRecordSchema } from '#lake/avro/schema.ts'

/** @param schema the table's Avro schema with meta fields */
export function encodeBaseFile(
  columns: readonly NamedVector[],
  rows: number,
  schema: AvroRecordSchema,
): Uint8Array {
  return encodeParquet(columns, rows, baseFileOptions(schema))
}

/** @param schema the table's Avro schema with meta fields */
export function baseFileOptions(schema: AvroRecordSchema, compression: Compression = 'zstd'): EncodeOptions {
  return {
    compression,
    keyValues: {
      'parquet.avro.schema': JSON.stringify(schema),
      'writer.model.name': 'avro',
      // Our dates and times are proleptic Gregorian, as Spark 3 writes them. Without this Spark refuses files with
      // ancient ones: a Spark 2 may have written them, which counted days differently.
      'org.apache.spark.version': '3.5.0',
    },
  }
}
