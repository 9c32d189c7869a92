// Which commits an incremental reader asks for, by when they completed; layout 1 knows their instants only.
import type { InstantTime } from '#lake/timeline/instant.ts'

export interface CommitRange {
  /** Exclusive. */
  from: InstantTime
  /** Inclusive; undefined: no bound. */
  to?: InstantTime
}
