// How far back the states of a table stay readable: for a time, or for a number of commits.
import type { InstantTime } from '#lake/timeline/instant.ts'
import { firstInstant, formatInstant } from '#lake/timeline/instant.ts'
import type { TimelineInstant } from '#lake/timeline/timeline.ts'
import type { TableType } from '#lake/table/definition.ts'

export interface Retention {
  /** States that are younger stay readable. */
  retentionMs: number
  /** The states after so many of the newest commits stay readable, and those of the last `retentionMs`. */
  retentionCommits?: number
}

/** The states at and after this time stay readable. */
export function retainedFrom(
  timeline: readonly TimelineInstant[],
  { retentionMs, retentionCommits }: Retention,
  table: { type: TableType; nowMs: number },
): InstantTime {
  const byTime = formatInstant(table.nowMs - retentionMs)
  if (retentionCommits === undefined) return byTime
  // Of a merge-on-read table a `commit` is a compaction, which makes no new state.
  const action = table.type === 'MERGE_ON_READ' ? 'deltacommit' : 'commit'
  const commits = timeline.filter(at => at.state === 'completed' && at.action === action)
  const oldest = commits.at(-retentionCommits)?.instant ?? firstInstant
  return oldest < byTime ? oldest : byTime
}
