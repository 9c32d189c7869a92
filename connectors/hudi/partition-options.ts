// What people write about the partitions of a table of the lake, and about rows that come twice.
import { z } from 'zod'
import { durationAtLeast } from '#api/duration.ts'
import { withRule } from '#api/rules.ts'
import { dateParts } from '#lake/partition/partition-rule.ts'

const partition = withRule(
  z.strictObject({
    column: z.string().min(1).max(255).describe('A column of the source table.'),
    datePart: z
      .enum(dateParts)
      .optional()
      .describe(
        'Partitions by a part of a date or timestamp, in UTC: `year` 2026, `month` 2026-11, `day` 2026-11-24, `hour` 2026-11-24-09. Its text is a column of the table, called as the column with `_day` (and so on) behind it.',
      ),
    hash: z
      .int32()
      .min(1)
      .max(4096)
      .optional()
      .describe(
        'Partitions by a hash, so many: `pmod(hash(column), n)` of Spark SQL. It is a column of the table, called as the column with `_hash` behind it.',
      ),
    name: z
      .string()
      .regex(/^[A-Za-z][A-Za-z0-9_]{0,127}$/, 'use letters, digits and "_"')
      .optional()
      .describe('With `datePart` or `hash`: another name for the column of the table, such as `dt`.'),
  }),
  {
    rule: '!(has(self.datePart) && has(self.hash)) && (!has(self.name) || has(self.datePart) || has(self.hash))',
    message: 'give `datePart` or `hash` or neither, and `name` only with one of them',
    test: ({ datePart, hash, name }) =>
      !(datePart !== undefined && hash !== undefined) &&
      (name === undefined || datePart !== undefined || hash !== undefined),
  },
)

export const partitionOptions = {
  partitionBy: z
    .array(partition)
    .min(1)
    .max(4)
    .optional()
    .describe(
      'Partitions of the table, from the outer to the inner; fixed once it is made. Without `datePart` and `hash` a partition is made of each value of the column (text, int32, int64, boolean or date). Default: none.',
    ),
  keyScope: z
    .enum(['table', 'partition'])
    .default('table')
    .describe(
      'Where a key has one row, in a table with a key and partitions; fixed once it is made. `table`: in the whole table; a row that moves to another partition leaves the old one, for which keys are looked up unless the key holds the columns of `partitionBy`. `partition`: in each partition; for rows that never move, without any look-up.',
    ),
  keyIndexMiB: z
    .int32()
    .min(1)
    .max(65_536)
    .default(64)
    .describe(
      'Memory, for each lane that writes the table, in which the partitions of keys are remembered (about 20,000 keys a MiB), when `keyScope` makes it look keys up. With less than the table has keys, files are read for each commit.',
    ),
}

export const dropDuplicates = z
  .strictObject({
    columns: z
      .array(z.string().min(1).max(255))
      .min(1)
      .max(8)
      .describe('Columns that together tell a row from others. A row in which one of them is null is kept.'),
    window: durationAtLeast('1m')
      .default('1h')
      .describe('Rows are dropped that were committed within this time before.'),
    memoryMiB: z
      .int32()
      .min(1)
      .max(65_536)
      .default(64)
      .describe(
        'Memory, for each lane that writes the table, for the keys of the window (about 30,000 keys a MiB). When they need more the job stops with DUPLICATES_MEMORY.',
      ),
  })
  .optional()
  .describe('For tables without a key: drops rows that the table has already.')
