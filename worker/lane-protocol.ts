// What the main thread and a lane tell each other. Everything is structured-cloneable; rows never cross.
import type { LogFields, LogLevel, Severity } from '#common/logger.ts'
import type { ErrorCode } from '#common/error-codes.ts'
import type { Plan } from '#api/plan.ts'
import type { MaintenanceWork, SourceTable, Split, SplitLag, TargetTable } from '#connectors/connector.ts'
import type { SecretLocations } from './secrets.ts'
import type { PaceData } from './source-pace.ts'

/** What a lane is. */
export interface LaneData {
  lane: number
  plan: Plan
  secrets: SecretLocations
  logLevel: LogLevel
  /** Other workers read other splits of the job. */
  isShared?: boolean
  /** Where the source is limited: what the lanes draw from. */
  pace: PaceData | null
}

/** A table as a lane needs it: what to read (positions come from the target) and where to write. */
export interface GrantedTable {
  source: Omit<SourceTable, 'positions'>
  target: TargetTable
}

/** The splits a lane holds; a new grant replaces the one before, after what was read is committed. */
export interface Grant {
  id: number
  splits: readonly Split[]
  tables: readonly GrantedTable[]
}

export type LaneTask = { kind: 'grant'; grant: Grant } | { kind: 'stop' }

/** `start` comes first, and once. */
export type ToLane = { kind: 'start'; data: LaneData } | LaneTask

/** What the worker must do about a failure. */
export type Disposition = 'retry' | 'wait-for-person' | 'crash'

export interface LaneFailure {
  code: ErrorCode
  message: string
  context: Readonly<Record<string, unknown>>
  disposition: Disposition
}

export type FromLane =
  | { kind: 'ready' }
  | {
      kind: 'committed'
      table: string
      rows: number
      bytes: number
      commit: string | null
      newestAtMs: number | null
      freshnessMs: number | null
      durationMs: number
    }
  /** A chunk was read; times are of the source, ms since the epoch. */
  | { kind: 'read'; split: string; newestAtMs: number | null; caughtUp: boolean }
  /** A commit moved a split of a table on. */
  | { kind: 'moved'; split: string; table: string; newestAtMs: number | null }
  | { kind: 'buffered'; bytes: number }
  /**
   * What lies between a split's committed position and its end, with the rows that the session, which began at
   * `sinceMs` by the monotonic clock, had committed of it by then.
   */
  | ({ kind: 'backlog'; split: string; sinceMs: number; committedRows: number } & SplitLag)
  /** What the lane did since it told of it last, or since the session began. */
  | {
      kind: 'load'
      /** When the session began, by the monotonic clock. */
      sinceMs: number
      overMs: number
      /** Committed. */
      rows: number
      /** Part of the time it worked, 0 to 1. */
      busyShare: number
      /** Part of the time it had rows and waited for the target. */
      blockedShare: number
    }
  | { kind: 'bad-record'; code: ErrorCode; message: string }
  /** Compacting or cleaning a table failed; it will be tried again, and syncing goes on. */
  | { kind: 'service-failed'; table: string; code: ErrorCode }
  /** A piece of such work was done. */
  | { kind: 'service-work'; table: string; work: MaintenanceWork }
  /** The lane looks after a table from now on; its first round is still to come. */
  | { kind: 'service-begun'; table: string; atMs: number }
  /** All of a table's services were looked at, and what was due was done. */
  | { kind: 'service-round'; table: string; atMs: number }
  | { kind: 'log'; severity: Severity; message: string; fields: LogFields }
  /** In a shared job: a bounded split is committed to its end; others of the grant go on. */
  | { kind: 'reached-end'; split: string }
  /** Every bounded split of the grant is committed to its end. */
  | { kind: 'finished'; grant: number }
  | { kind: 'failed'; grant: number; failure: LaneFailure }
  /** Another grant replaced it, and what was read under it is committed. */
  | { kind: 'drained'; grant: number }
  | { kind: 'stopped' }
