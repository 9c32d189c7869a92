// What people write for a Hudi lake: where its tables lie (a DataSource of type `hudi`), and what a table made
// there is like (`tables[].target.hudi` of a SyncJob).
import { z } from 'zod'
import { compactionOptions } from './compaction-options.ts'
import { dropDuplicates, partitionOptions } from './partition-options.ts'
import { s3Spec } from './s3-spec.ts'

export const hudiSpec = z.strictObject({
  url: z
    .string()
    .max(1024)
    .regex(
      /^(file:\/\/\/|s3:\/\/[a-z0-9][a-z0-9.-]+)/,
      'use s3://BUCKET/PREFIX, or file:///FOLDER in local mode',
    )
    .describe('Folder of the lake; each table is a folder below it: `s3://lake/ods`, `file:///var/lake`.'),
  s3: s3Spec.optional().describe('How to reach the bucket, for `s3://` lakes.'),
  tableVersion: z
    .literal([6, 8, 9])
    .default(8)
    .describe(
      'Hudi table version of new tables. 8: readers from Hudi 1.0 and hudi-rs 0.5 on. 9: from Hudi 1.1 on. 6: also Hudi 0.14 and 0.15; of a table one lane at a time should write.',
    ),
})

export const hudiTableOptions = z.strictObject({
  tableVersion: z
    .literal([6, 8, 9])
    .optional()
    .describe('Hudi table version of this table, once it is made. Default: that of the DataSource.'),
  tableType: z
    .enum(['MERGE_ON_READ', 'COPY_ON_WRITE'])
    .default('MERGE_ON_READ')
    .describe(
      'How a table with a key is written; fixed once it is made. MERGE_ON_READ: changes go to log files, compaction merges them. COPY_ON_WRITE: each commit writes the base files anew that it changes; fastest to read, for tables that change little or may lag.',
    ),
  buckets: z
    .int32()
    .min(1)
    .max(4096)
    .optional()
    .describe(
      'File groups of a table with a key, in each partition; fixed once it is made. Default: one for each 256 MiB of the source table, 4 when its size is unknown; 1 with partitions by value or date.',
    ),
  ...partitionOptions,
  dropDuplicates,
  retentionHours: z
    .int32()
    .min(1)
    .max(87_600)
    .default(24)
    .describe(
      'How long earlier states of the table can be read (time travel, incremental queries, queries that run that long). Files that only older states need are removed.',
    ),
  retentionCommits: z
    .int32()
    .min(1)
    .max(100_000)
    .optional()
    .describe(
      'The states after so many of the newest commits can be read, too, however old they are: for tables that are written to rarely.',
    ),
  dailyHistoryDays: z
    .int32()
    .min(0)
    .max(3650)
    .default(0)
    .describe(
      'For how many days, counted from now, the state at the end of each day (UTC) can be read, beyond `retentionHours`. It costs about what changed on those days, not a copy for each. For tables of type MERGE_ON_READ.',
    ),
  ...compactionOptions,
  targetFileMiB: z
    .int32()
    .min(0)
    .max(4096)
    .default(128)
    .describe(
      'Small files of a table without a key are put together to files of about this size, in MiB (clustering). 0: they are left as the commits wrote them.',
    ),
  concurrency: z
    .enum(['exclusive', 'shared'])
    .default('exclusive')
    .describe(
      "Whether other engines may write to the table at the same time. shared: yes, if they use Hudi's storage-based lock (`StorageBasedLockProvider`), which is then taken for each commit; for lakes in `s3://`. exclusive: they may write in turn with the job, not at the same moment.",
    ),
  metadataTable: z
    .enum(['fail', 'remove'])
    .default('fail')
    .describe(
      'What to do when another engine gave the table a metadata table, which would hide later commits from readers. fail: the job stops and says so. remove: it is removed before the next commit, and an upgrade from table version 8 to 9 is accepted.',
    ),
  historyDays: z
    .int32()
    .min(0)
    .max(36_500)
    .default(90)
    .describe(
      'For how many days commits that left the timeline are known in its history: what they did, not the states they made. 0: they are forgotten.',
    ),
})

export type HudiSpec = z.infer<typeof hudiSpec>
export type HudiTableOptions = z.infer<typeof hudiTableOptions>
