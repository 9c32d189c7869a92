// What is kept in the worlds of a history by days.
import { defaultCompactionPolicy } from '#lake/services/plan-compaction.ts'

const hourMs = 3_600_000

/** Longer than any request of these worlds is under way, and it ends within the life of most of them. */
const retentionMs = 60 * hourMs
/** States that are younger are kept commit by commit. */
const recentMs = 14 * hourMs

export const daily = {
  retentionMs,
  recentMs,
  compaction: { ...defaultCompactionPolicy, logFilesMin: 2, logBytesShareMin: 0 },
  cleaning: { retentionMs, instantsMin: 2, thinning: { queryMsMax: hourMs, logShareMax: 2 } },
  coalescing: { ageMsMin: recentMs, queryMsMax: hourMs, bytesMax: 8_000 },
  advance: { retentionMs, logShareMin: 0.2, memoryBytes: 1 << 20 },
}
