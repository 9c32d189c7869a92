// What people write about the compaction of a MERGE_ON_READ table: when log files are merged, with how much memory,
// and who does it.
import { z } from 'zod'
import { durationAtLeast, parseDuration } from '#api/duration.ts'
import type { CompactionPolicy } from '#lake/services/plan-compaction.ts'
import type { CompactionRunner } from '#lake/services/table-services.ts'

const compaction = z.strictObject({
  logFiles: z
    .int32()
    .min(1)
    .max(10_000)
    .default(10)
    .describe(
      'A file group is compacted when it has so many log files that hold at least 5 % of the bytes of its base file; with ten times as many in any case.',
    ),
  logPercent: z
    .int32()
    .min(1)
    .max(10_000)
    .default(50)
    .describe(
      'It is compacted, too, when its log files hold this share of the bytes of its base file, and a mebibyte or more. Less: faster reads, more rewriting.',
    ),
  logAge: durationAtLeast('1m')
    .default('12h')
    .describe(
      'It is compacted, too, when its oldest log file is older than this, or than half of `retentionHours`: the timeline reaches as far back as the oldest log file.',
    ),
  memoryMiB: z
    .int32()
    .min(8)
    .max(65_536)
    .default(64)
    .describe(
      'Memory of a lane, beside a few row groups, for the log files of a file group that is compacted. With less than they take, keys are merged first and rows are read again; with less than the keys take, log files and keys are read several times.',
    ),
})

export const compactionOptions = {
  compaction: compaction
    .optional()
    .describe('When log files are merged into base files, in a table of type MERGE_ON_READ.'),
  tableServices: z
    .enum(['worker', 'external'])
    .default('worker')
    .describe(
      "Who compacts a table of type MERGE_ON_READ. worker: the job's lanes, beside syncing. external: they only plan compactions on the timeline, as `compaction` says, and another engine runs them: Spark's `CALL run_compaction(op => 'run', …)` or `HoodieCompactor`. Cleaning, archiving and clustering stay the lanes'. Not in table version 6.",
    ),
}

/** The options as lake/services takes them. */
export function compactionPolicy({
  compaction: wanted,
  tableServices,
}: {
  compaction?: z.infer<typeof compaction> | undefined
  tableServices: CompactionRunner
}): { compaction?: Partial<CompactionPolicy>; compactionBy: CompactionRunner } {
  if (wanted === undefined) return { compactionBy: tableServices }
  const { logFiles, logPercent, logAge, memoryMiB } = wanted
  return {
    compactionBy: tableServices,
    compaction: {
      logFilesMin: logFiles,
      logFilesMax: logFiles * 10,
      logBytesShareMax: logPercent / 100,
      logAgeMsMax: parseDuration(logAge),
      memoryBytes: memoryMiB * 1024 * 1024,
    },
  }
}
