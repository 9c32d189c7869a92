// Which file groups are worth compacting, most needed first. Reading a slice costs its base file and every log; a
// compaction costs writing the base file anew. So logs may pile up until they are many, or large beside the base
// file. Old logs are merged however few they are: the timeline cannot be trimmed past a log (clean.ts).
import type { FileSlice } from '#lake/reader/file-slice.ts'
import { parseInstant } from '#lake/timeline/instant.ts'

export interface CompactionPolicy {
  /** This many logs are merged when they hold at least `logBytesShareMin` of the base file's bytes … */
  logFilesMin: number
  logBytesShareMin: number
  /** … this many in any case. */
  logFilesMax: number
  /** Logs of at least this many bytes are merged when they hold `logBytesShareMax` of the base file's. */
  logBytesMin: number
  logBytesShareMax: number
  /** A log older than this is merged. */
  logAgeMsMax: number
  /** File groups of one compaction: as many as hold this many bytes, at least one. */
  compactionBytesMax: number
  /** For what is held of the logs of a file group while they are merged. */
  memoryBytes: number
}

export const defaultCompactionPolicy: CompactionPolicy = {
  logFilesMin: 10,
  logBytesShareMin: 0.05,
  logFilesMax: 100,
  logBytesMin: 1 << 20,
  logBytesShareMax: 0.5,
  logAgeMsMax: 12 * 3_600_000,
  compactionBytesMax: 128 << 20,
  memoryBytes: 64 << 20,
}

/** The slices of the next compaction; empty when none needs it. */
export function slicesToCompact(
  slices: Iterable<FileSlice>,
  policy: CompactionPolicy,
  nowMs: number,
): FileSlice[] {
  const due = [...slices].filter(slice => isDue(slice, policy, nowMs))
  const byNeed = due.toSorted((a, b) => logShare(b) - logShare(a))
  const chosen: FileSlice[] = []
  let bytes = 0
  for (const slice of byNeed) {
    bytes += sliceBytes(slice)
    if (chosen.length > 0 && bytes > policy.compactionBytesMax) break
    chosen.push(slice)
  }
  return chosen
}

function isDue(slice: FileSlice, policy: CompactionPolicy, nowMs: number): boolean {
  const { logs } = slice
  if (logs.length === 0) return false
  if (logs.length >= policy.logFilesMax) return true
  const share = logShare(slice)
  if (logs.length >= policy.logFilesMin && share >= policy.logBytesShareMin) return true
  if (logBytes(slice) >= policy.logBytesMin && share >= policy.logBytesShareMax) return true
  return nowMs - parseInstant(logs[0]!.instant) > policy.logAgeMsMax
}

/** Bytes of logs per byte of the base file; Infinity without one. */
function logShare(slice: FileSlice): number {
  return slice.base === null ? Infinity : logBytes(slice) / Math.max(slice.base.sizeBytes, 1)
}

export function logBytes({ logs }: FileSlice): number {
  return logs.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0)
}

export function sliceBytes(slice: FileSlice): number {
  return (slice.base?.sizeBytes ?? 0) + logBytes(slice)
}
