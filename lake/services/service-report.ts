// What table services did, for metrics and people. A round tells of each piece of work as soon as it is done, so that
// nothing is lost when a later piece fails.

export type ServiceName = 'compaction' | 'clustering' | 'cleaning' | 'coalescing'

export interface ServiceWork {
  service: ServiceName
  /** Rows written anew. */
  rows?: number
  /** Of the files that were merged, put together or removed. */
  bytesBefore?: number
  /** Of the files that took their place. */
  bytesAfter?: number
  filesRemoved?: number
  /** Instants that left the timeline. */
  instants?: number
  durationMs: number
}

export type ReportWork = (work: ServiceWork) => void
