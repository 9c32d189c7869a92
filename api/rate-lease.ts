// How workers come by their part of a source's limit: they ask with what they could use, and are given a rate for a
// while. Both sides are pure: master/limits/rate-leases.ts gives, worker/leased-rate.ts uses.

export interface Lease {
  /** Grows with every lease of the holder. */
  number: number
  /** In the unit of the limit, per second. */
  rate: number
  /** From the moment the holder asked, by its own clock; afterwards it uses no more than the floor. */
  forMs: number
  floor: number
}

export interface LeaseRequest {
  /** Who asks: a worker, for one source and one kind of limit. */
  id: string
  /** Greater than 0: of two that want more than there is, one with twice the weight gets twice as much. */
  weight: number
  /** What it could use, in the unit of the limit; Infinity: whatever there is. */
  wanted: number
  /** Number of the lease it uses; 0 when it has none, as after a restart, and uses nothing. */
  using: number
}
