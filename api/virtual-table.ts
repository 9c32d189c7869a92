// VirtualTable: one object of a DataSource seen as a table. Discovery makes them; people may write or amend them.
import { z } from 'zod'
import {
  ageColumn,
  conditions,
  observedGeneration,
  readyColumn,
  reasonColumn,
  resourceName,
  type Resource,
  type ResourceKind,
} from './resource.ts'
import { immutable, listMap, withRule } from './rules.ts'
import { parseTypeName } from '#catalog/type-name.ts'

export const virtualColumn = z.strictObject({
  name: z.string().min(1).max(255).describe('Column name in the target.'),
  type: z
    .string()
    .regex(
      /^(boolean|int32|int64|float32|float64|string|bytes|date|timestamp|decimal\(\d{1,2},\d{1,2}\)|(list|struct|map)<.+>)$/,
      {
        error:
          'use boolean, int32, int64, float32, float64, decimal(p,s), string, bytes, date, timestamp, list<…>, struct<name:type,…> or map<string,…>',
        abort: true,
      },
    )
    // A pattern cannot tell what is within brackets: the API server takes what it cannot judge, and we say it then.
    .refine(text => parseTypeName(text) !== null, 'this is no type; within < > use the same types')
    .describe(
      'Type: boolean, int32, int64, float32, float64, decimal(p,s), string, bytes, date, timestamp, list<…>, struct<name:type,…>, map<string,…>.',
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

const fields = z.strictObject({
  source: immutable(
    z.strictObject({
      name: resourceName.describe('Name of a DataSource in the same namespace.'),
      object: z.string().min(1).max(512).describe('The object there: a topic, a table.'),
    }),
    'source',
  ).describe('The object that is seen as a table.'),
  format: z
    .strictObject({ type: z.enum(['json']).default('json').describe('Encoding of the records.') })
    .optional()
    .describe('How the records are encoded, for sources without a schema of their own.'),
  columns: listMap(z.array(virtualColumn).min(1).max(2000), ['name'])
    .optional()
    .describe('The columns; sampled from the first records when left out.'),
  key: immutable(z.array(z.string().min(1).max(255)).max(32).default([]), 'key').describe(
    'Columns that identify a row; empty: an append table.',
  ),
})

export const virtualTableSpec = withRule(fields, {
  rule: '!has(self.columns) || self.key.all(k, self.columns.exists(c, c.name == k))',
  message: 'every column of `key` must be one of `columns`',
  test: ({ key, columns }) =>
    columns === undefined || key.every(name => columns.some(column => column.name === name)),
})

export const virtualTableStatus = z.strictObject({ observedGeneration, conditions })

export type VirtualColumn = z.infer<typeof virtualColumn>
export type VirtualTableSpec = z.infer<typeof virtualTableSpec>
export type VirtualTableStatus = z.infer<typeof virtualTableStatus>
export type VirtualTable = Resource<VirtualTableSpec, VirtualTableStatus>

export const virtualTableKind: ResourceKind<VirtualTableSpec, VirtualTableStatus> = {
  kind: 'VirtualTable',
  plural: 'virtualtables',
  singular: 'virtualtable',
  shortNames: ['vt'],
  description:
    'One object of a DataSource seen as a table: its columns, where their values come from, its key.',
  spec: virtualTableSpec,
  status: virtualTableStatus,
  columns: [
    { name: 'Source', type: 'string', jsonPath: '.spec.source.name', description: 'The DataSource.' },
    { name: 'Object', type: 'string', jsonPath: '.spec.source.object', description: 'The object there.' },
    readyColumn,
    reasonColumn,
    ageColumn,
  ],
}
