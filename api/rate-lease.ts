// How workers come by their part of a source's limit: they ask with what they could use, and are given a rate for a
// while. Both sides are pure: master/limits/rate-leases.ts gives, worker/leased-rate.ts uses. Both travel in heartbeats.
// Where a limit is a number of things at a time (master/limits/count-leases.ts, worker/leased-turns.ts), the rate is how
// many the holder may have, and lasts until it is given another.
import { z } from 'zod'

export const leaseSchema = z.object({
  /** Grows with every lease of the holder. */
  number: z.int().positive(),
  /** In the unit of the limit, per second. */
  rate: z.number().nonnegative(),
  /** From the moment the holder asked, by its own clock; afterwards it uses no more than the floor. */
  forMs: z.int().nonnegative(),
  floor: z.number().nonnegative(),
  /** Where there is not room for the least the holder needs: the jobs that have what there is, and how much each. */
  holders: z.array(z.object({ job: z.string(), count: z.int().nonnegative() })).exactOptional(),
})

export const leaseRequestSchema = z.object({
  /** Who asks: a worker, for one source and one kind of limit. */
  id: z.string().min(1),
  /** Greater than 0: of two that want more than there is, one with twice the weight gets twice as much. */
  weight: z.number().positive(),
  /** What it could use, in the unit of the limit; Infinity, which JSON writes as null: whatever there is. */
  wanted: z
    .number()
    .nonnegative()
    .nullable()
    .transform(wanted => wanted ?? Infinity),
  /** Of a limit at a time: how many it has, also beyond a smaller lease, or may begin by the lease it uses. */
  held: z.int().nonnegative().exactOptional(),
  /** Number of the lease it uses; 0 when it has none, as after a restart, and uses nothing. */
  using: z.int().nonnegative(),
  /** Of a limit at a time: with fewer it can do nothing, so it is to have none then. */
  least: z.int().positive().exactOptional(),
})

export type Lease = z.infer<typeof leaseSchema>
export type LeaseRequest = z.infer<typeof leaseRequestSchema>
