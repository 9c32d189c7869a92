// The compiled form of a SyncJob: everything a worker needs, with defaults filled in and secrets still as
// references. master/compile.ts makes it; it travels in a ConfigMap and is the same file under `sluice run`.
import { z } from 'zod'
import { plannedLimits } from './source-limits.ts'
import { virtualTableSpec } from './virtual-table.ts'

const endpoint = z.strictObject({
  /** The DataSource's name. */
  name: z.string(),
  /** The connector. */
  type: z.string(),
  /** The connector's sub-object, already valid against its spec. */
  spec: z.record(z.string(), z.unknown()),
})

export const tableRule = z.strictObject({
  /** Glob over the source's table names: `public.*`. */
  include: z.string(),
  exclude: z.array(z.string()),
  /** Name in the target; null: derived from the source name (its last part). */
  targetTable: z.string().nullable(),
  /** Key columns that replace the source's own. Null: the source's. */
  key: z.array(z.string()).nullable(),
  /** Options only the target reads. */
  options: z.record(z.string(), z.unknown()),
})

export const planSchema = z.strictObject({
  version: z.literal(1),
  job: z.strictObject({ namespace: z.string(), name: z.string() }),
  /** With the limits of reading it, where it has any. */
  source: endpoint.extend({ limits: plannedLimits.optional() }),
  target: endpoint,
  /** Globs over the source's tables: those its DataSource lets jobs see. */
  discovery: z.strictObject({ include: z.array(z.string()), exclude: z.array(z.string()) }),
  virtualTables: z.array(virtualTableSpec),
  tables: z.array(tableRule).min(1),
  mode: z.enum(['snapshotAndStream', 'snapshot', 'stream']),
  /** Where a stream without a snapshot begins: earliest, latest, or an RFC 3339 time. */
  start: z.string(),
  /** How old the target may be when all is well. */
  freshnessMs: z.int().positive(),
  schemaEvolution: z.enum(['evolve', 'additive', 'ignore', 'fail']),
  badRecords: z.strictObject({ policy: z.enum(['fail', 'skip']) }),
  priority: z.enum(['core', 'high', 'normal', 'low']),
  /** Tables to read anew, of those that were last read anew for another reason than this id. */
  resync: z.strictObject({ id: z.string(), tables: z.array(z.string()) }).exactOptional(),
  worker: z.strictObject({
    /** Threads that read, decode and write. */
    lanes: z.int().min(1).max(64),
    /** Bytes all lanes together may hold in column buffers. */
    bufferBytesMax: z.int().positive(),
  }),
})

export type Plan = z.infer<typeof planSchema>
export type TableRule = z.infer<typeof tableRule>
export type PlanEndpoint = z.infer<typeof endpoint>
