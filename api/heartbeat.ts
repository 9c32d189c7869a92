// What a worker tells the master every two seconds, and what it hears. A worker has one request under way at a time and
// takes only the answer to its newest one, so a request says all that the worker may be reading, whatever got
// lost before: what it does not name in `held` it does not read, and will not unless an answer to this request or a
// later one says so. Both sides are pure: master/assignment/ answers, worker/split-leases.ts asks. Unknown fields are
// dropped, so that masters and workers understand each other one version apart.
import { z } from 'zod'
import { leaseRequestSchema, leaseSchema } from './rate-lease.ts'

/** Where the master listens for them. */
export const masterPort = 9465

/** How often a worker asks. */
export const heartbeatIntervalMs = 2_000

/** How to read a split: what the connector's plan() gave (connectors/connector.ts), for another worker to read it. */
export const splitSchema = z.object({
  id: z.string().min(1),
  tables: z.array(z.string()).readonly(),
  bounded: z.boolean(),
  stage: z.int().nonnegative(),
  weight: z.number().positive(),
  detail: z.string().exactOptional(),
})

export const heldSplit = z.object({
  id: z.string().min(1),
  /** It is no longer read; what was read is being committed. */
  draining: z.boolean(),
  /** By what the master last answered, and for as long as that counts, no other worker has been given it. */
  leased: z.boolean(),
  /** Age of the oldest change that is not in the target; null: not known. */
  lagMs: z.number().nonnegative().nullable(),
  /** The one of the worker's lanes that reads it. */
  lane: z.int().nonnegative().exactOptional(),
  /** Means over the last half minute of one lane's reading; left out while it has not been measured. */
  measured: z
    .object({
      /** How long ago it was measured. */
      ageMs: z.number().nonnegative(),
      /** Records that arrived at the source. */
      inputPerSecond: z.number().nonnegative(),
      /** Records that were committed. */
      processedPerSecond: z.number().nonnegative(),
      /** Records that are not yet in the target. */
      lagRecords: z.number().nonnegative(),
    })
    .exactOptional(),
})

/** Means over the last half minute. */
export const laneLoadSchema = z.object({
  lane: z.int().nonnegative(),
  ageMs: z.number().nonnegative(),
  /** Records that were committed. */
  processedPerSecond: z.number().nonnegative(),
  /** Share of the time it read, decoded and wrote. */
  busyShare: z.number().min(0).max(1),
  /** Share of the time it had rows and waited for the target, or for a limit of the source. */
  blockedShare: z.number().min(0).max(1),
  /** No split came or went, and it did not start, while this was measured. */
  settled: z.boolean(),
})

export const heartbeatSchema = z.object({
  job: z.object({ namespace: z.string().min(1), name: z.string().min(1) }),
  /** Name of the pod, which its token proves. */
  worker: z.string().min(1),
  /** When its process began, ms since the epoch: a later one of the same name has taken the place of those before. */
  startedAtMs: z.int().nonnegative(),
  /** Grows with every request of the process. */
  number: z.int().positive(),
  /** Of the newest master whose answer it took; 0: none yet. */
  term: z.int().nonnegative(),
  /** Name of the plan it works by. */
  plan: z.string(),
  /** How much it can carry beside others: its lanes. */
  capacity: z.number().positive(),
  /** It stops: it is to be given nothing and hands over what it holds. */
  leaving: z.boolean(),
  /** All it may be reading or committing. */
  held: z.array(heldSplit),
  lanes: z.array(laneLoadSchema).exactOptional(),
  /** Bounded splits it committed to their end, until an answer was taken after they were told of. */
  finished: z.array(z.string()),
  /**
   * What is to be read now, as the source and the target have it: from the one worker that was told to plan. Null:
   * it does not plan, or has not looked yet. The planner before goes on until another is told to.
   */
  planned: z.array(splitSchema).nullable(),
  leases: z.array(leaseRequestSchema).default([]),
})

export const heartbeatAnswerSchema = z.object({
  /** Of the master: grows with every change of masters. Answers of earlier ones are not taken. */
  term: z.int().positive(),
  /** Of the request. */
  number: z.int().positive(),
  /** All it is to read now. Those it holds and which are not among them it drains. Null: what it holds. */
  splits: z.array(splitSchema).nullable(),
  /** From when it asked, by its own clock: so long no other is given what it holds. Then it goes on, unsure of that. */
  validMs: z.int().positive(),
  /** It is the one that looks at the source. */
  plans: z.boolean(),
  /** For the planner: splits of its list that were committed to their end, by whomever. */
  finished: z.array(z.string()),
  leases: z.array(leaseSchema.extend({ id: z.string() })).default([]),
})

export type SplitSpec = z.infer<typeof splitSchema>
export type HeldSplit = z.infer<typeof heldSplit>
export type LaneLoadReport = z.infer<typeof laneLoadSchema>
export type Heartbeat = z.infer<typeof heartbeatSchema>
export type HeartbeatAnswer = z.infer<typeof heartbeatAnswerSchema>
