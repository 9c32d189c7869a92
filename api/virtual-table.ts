// VirtualTable: one object of a DataSource seen as a table. Discovery makes them; people may write or amend them.
import { z } from 'zod'

export const virtualColumn = z.strictObject({
  name: z.string().min(1).describe('Column name in the target.'),
  type: z
    .string()
    .regex(
      /^(boolean|int32|int64|float32|float64|string|bytes|date|timestamp|decimal\(\d{1,2},\d{1,2}\)|list<[a-z0-9(),<>]+>)$/,
      'use boolean, int32, int64, float32, float64, decimal(p,s), string, bytes, date, timestamp or list<…>',
    )
    .describe(
      'Type: boolean, int32, int64, float32, float64, decimal(p,s), string, bytes, date, timestamp, list<…>.',
    ),
  from: z
    .string()
    .regex(
      /^(key|value|offset|partition|timestamp|header)(\.[^.]+)*$/,
      'use key, value.PATH, header.NAME, offset, partition or timestamp',
    )
    .optional()
    .describe(
      'Where the value comes from: key, value.PATH, header.NAME, offset, partition, timestamp. Default: value.NAME.',
    ),
  nullable: z.boolean().default(true).describe('Whether a missing or null value is allowed.'),
})

export const virtualTableSpec = z.strictObject({
  source: z.strictObject({
    name: z.string().min(1).describe('Name of the DataSource.'),
    object: z.string().min(1).describe('The object there: a topic, a table.'),
  }),
  format: z
    .strictObject({ type: z.enum(['json']).default('json').describe('Encoding of the records.') })
    .optional()
    .describe('How the records are encoded, for sources without a schema of their own.'),
  columns: z
    .array(virtualColumn)
    .optional()
    .describe('The columns; sampled from the first records when left out.'),
  key: z
    .array(z.string().min(1))
    .default([])
    .describe('Columns that identify a row; empty: an append table.'),
})

export type VirtualColumn = z.infer<typeof virtualColumn>
export type VirtualTableSpec = z.infer<typeof virtualTableSpec>
