// What a worker says about itself at GET /status on its HTTP port. The operator polls it for the status of the
// SyncJob, `sluice run` draws its progress view from it. Observed facts only: nothing here is copied from the
// spec. Unknown fields are dropped, so that an operator understands workers one version ahead of it.
import { z } from 'zod'
import { limitedUnits } from './source-limits.ts'

/** The port of /status, /metrics, /healthz and /readyz. */
export const workerHttpPort = 9464

export const workerPhase = z.enum(['starting', 'snapshot', 'streaming', 'failing', 'stopped'])

export const workerTableStatus = z.object({
  /** The source's own full name. */
  name: z.string(),
  /** Rows committed to the target since this worker started. */
  rowsTotal: z.int().nonnegative(),
  /** Age of the newest change that is not yet in the target; 0 when it has all. Null: not known yet. */
  lagMs: z.number().nonnegative().nullable(),
  /** Name of the newest commit this worker made in the target. */
  lastCommit: z.string().nullable(),
  /** When that was, RFC 3339. */
  lastCommitAt: z.iso.datetime().nullable(),
  state: workerPhase,
})

export const workerStatusSchema = z.object({
  job: z.object({ namespace: z.string(), name: z.string() }),
  phase: workerPhase,
  tables: z.array(workerTableStatus),
  /** The greatest of the tables' lags. */
  lagMs: z.number().nonnegative().nullable(),
  rowsTotal: z.int().nonnegative(),
  /** Why the phase is `failing`: a code of common/error-codes.ts and a sentence. */
  error: z.object({ code: z.string(), message: z.string() }).nullable(),
  /** The limit of the source that keeps the readers back now; null: none does, or the worker is of an older version. */
  throttledBy: z.enum(limitedUnits).nullable().optional(),
  /** How far the resync of its plan is; null or left out: there is none, or the worker does not plan. */
  resync: z
    .object({
      id: z.string(),
      /** Tables that it concerns. */
      tables: z.int().nonnegative(),
      /** Those that are not read to the end yet, by the source's names. */
      left: z.array(z.string()),
    })
    .nullable()
    .optional(),
  /** Ids of the splits it reads; left out by workers of an older version. */
  splits: z.array(z.string()).optional(),
  /** When this was true, RFC 3339. */
  updatedAt: z.iso.datetime(),
})

export type ResyncProgress = NonNullable<WorkerStatus['resync']>
export type WorkerPhase = z.infer<typeof workerPhase>
export type WorkerTableStatus = z.infer<typeof workerTableStatus>
export type WorkerStatus = z.infer<typeof workerStatusSchema>
