// When to write and when to commit: pure decisions over what a table has waiting.

export interface Waiting {
  /** Rows and bytes taken from splits and not yet written. */
  rows: number
  bytes: number
  /** Rows written to files that no commit names yet, and the bytes they had. */
  stagedRows: number
  stagedBytes: number
  /** True when a split's rows end inside a transaction: what is staged may not be committed yet. */
  insideTransaction: boolean
  /** True when some position moved, with or without rows. */
  positionsMoved: boolean
  /** When the table last committed rows, or last only advanced; monotonic ms, null: never. */
  committedAtMs: number | null
  /** What the last commit of rows took. */
  commitMs: number
  advancedAtMs: number
  /** True when readers wait for room in the lane's byte budget. */
  pressed: boolean
}

export interface CommitLimits {
  /** Least time between two commits of a table, while rows keep coming. */
  commitIntervalMs: number
  /** Least time between two commits, as a multiple of what the last one took. */
  commitRestFactor: number
  /** Commit earlier than that when this many bytes wait. */
  commitBytesMax: number
  /** … or when this many do, be they staged already; Infinity: those that are staged do not count. */
  stagedBytesMax: number
  /** Write files, even when no commit is possible yet, when this many bytes wait. */
  stageBytesMax: number
  /** What a commit itself holds in memory: the lane takes in so much less meanwhile. */
  commitHeldBytes: number
  /** So many of them go into a file at most, or into one for each part of the table; Infinity: all that wait. */
  fileBytesMax: number
  /** How often a table without rows moves its positions on. */
  advanceIntervalMs: number
}

export type CommitAction = 'wait' | 'stage' | 'commit' | 'advance'

/** `draining`: no more will come, so commit whatever may be committed. */
export function decideCommit(
  waiting: Waiting,
  limits: CommitLimits,
  nowMs: number,
  draining: boolean,
): CommitAction {
  const rows = waiting.rows + waiting.stagedRows
  if (rows > 0 && !waiting.insideTransaction)
    if (draining || isLarge(waiting, limits) || nowMs >= dueAtMs(waiting, limits)) return 'commit'
  if (waiting.rows > 0 && (waiting.pressed || waiting.bytes >= limits.stageBytesMax)) return 'stage'
  if (rows === 0 && waiting.positionsMoved && !waiting.insideTransaction)
    if (draining || nowMs - waiting.advancedAtMs >= limits.advanceIntervalMs) return 'advance'
  return 'wait'
}

/** Whether so much waits that it is committed before its time. */
function isLarge({ bytes, stagedBytes, pressed }: Waiting, limits: CommitLimits): boolean {
  if (limits.stagedBytesMax !== Infinity) return bytes + stagedBytes >= limits.stagedBytesMax
  return pressed || bytes >= limits.commitBytesMax
}

/** When the next commit (or advance) falls due if nothing else happens; Infinity when nothing waits. */
export function dueAtMs(waiting: Waiting, limits: CommitLimits): number {
  if (waiting.insideTransaction) return Infinity
  if (waiting.rows + waiting.stagedRows === 0)
    return waiting.positionsMoved ? waiting.advancedAtMs + limits.advanceIntervalMs : Infinity
  // The first rows after a quiet time go out at once; later ones share the commit of their interval.
  if (waiting.committedAtMs === null) return -Infinity
  return waiting.committedAtMs + Math.max(limits.commitIntervalMs, limits.commitRestFactor * waiting.commitMs)
}

export interface TableTraits {
  /** Nothing but a snapshot is read. */
  bulk: boolean
  /** A commit costs as much as the table is large, not as the changes are many (TableWriter.rewritesOnCommit). */
  rewrites: boolean
}

/** How much longer such a table rests after a commit than the commit took; the interval counts from its start. */
const rewriteRestFactor = 3

/** Limits that keep a table within `freshnessMs` when all is well. */
export function commitLimits(
  freshnessMs: number,
  laneBytesMax: number,
  { bulk, rewrites }: TableTraits,
): CommitLimits {
  const interval = Math.min(Math.max(freshnessMs * (rewrites ? 0.6 : 0.3), 100), rewrites ? 600_000 : 60_000)
  return {
    commitIntervalMs: bulk ? Math.max(interval, 10_000) : interval,
    commitRestFactor: rewrites ? rewriteRestFactor : 0,
    stagedBytesMax: rewrites ? laneBytesMax : Infinity,
    commitBytesMax: Math.floor(laneBytesMax / 3),
    stageBytesMax: Math.floor(laneBytesMax / 3),
    commitHeldBytes: rewrites ? Math.floor(laneBytesMax / 2) : 0,
    // What waited through a commit is as large as the buffer, and what goes into a file is held twice while it is made.
    // Where the file is read once, by the commit, more of them cost nothing; logs are read by everyone.
    fileBytesMax: rewrites ? Math.floor(laneBytesMax / 4) : Infinity,
    advanceIntervalMs: Math.max(interval, 30_000),
  }
}
