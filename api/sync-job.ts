// SyncJob: keep these tables of one DataSource in step in another. Options that only a target understands come
// from its connector, as a sub-object of `tables[].target` with the connector's name.
import { z } from 'zod'
import { autoscaling, scalingStatus } from './autoscaling.ts'
import { duration, durationAtLeast } from './duration.ts'
import { quantity, quantityAtLeast } from './quantity.ts'
import {
  ageColumn,
  conditions,
  observedGeneration,
  readyColumn,
  reasonColumn,
  resourceName,
  type PrinterColumn,
  type Resource,
  type ResourceKind,
} from './resource.ts'
import { resyncSpec, resyncStatus } from './resync.ts'
import { immutable, listMap, withCel, withRule } from './rules.ts'
import { workerPlacement } from './worker-placement.ts'

const reference = (description: string) =>
  immutable(
    z.strictObject({ name: resourceName.describe('Name of a DataSource in the same namespace.') }),
    description,
  )

const glob = z.string().min(1).max(512)

const replicas = z
  .int32()
  .min(1)
  .max(1000)
  .optional()
  .describe(
    'Worker pods the job has, unless `autoscaling.mode` is Auto. `kubectl scale`, a HorizontalPodAutoscaler or KEDA set it. Default: `autoscaling.minReplicas`.',
  )

const badRecords = z
  .strictObject({
    policy: z
      .enum(['fail', 'skip'])
      .default('fail')
      .describe('fail: stop at the record. skip: count it and go on.'),
  })
  .prefault({})
  .describe('What to do with a record that cannot be decoded, or has a value without a place in its column.')

const resourceList = z.record(z.string().min(1), quantity).optional()

const worker = z
  .strictObject({
    lanes: z.int32().min(1).max(64).default(2).describe('Threads per worker that read, decode and write.'),
    bufferSize: quantityAtLeast('8Mi')
      .default('96Mi')
      .describe('Memory that all lanes of a worker together may hold in column buffers.'),
    resources: z
      .strictObject({
        requests: resourceList.describe('What a worker pod is promised: `cpu`, `memory`.'),
        limits: resourceList.describe('What a worker pod may use at most: `cpu`, `memory`.'),
      })
      .optional()
      .describe(
        'Resources of a worker pod. What is not said is by its lanes: a quarter of a core and 256Mi each are promised, and what `bufferSize` is above 96Mi; the limit of the memory is 512Mi more.',
      ),
    ...workerPlacement,
  })
  .prefault({})
  .describe('What one worker is like.')

/** One entry of `tables`. */
export interface SyncJobTable {
  include: string
  exclude: string[]
  key?: string[] | undefined
  target?: SyncJobTableTarget | undefined
}

export interface SyncJobTableTarget {
  table?: string | undefined
  /** Under the connector's name: options of that target. */
  [subObject: string]: unknown
}

function tableSchema(options: Readonly<Record<string, z.ZodType>>): z.ZodType<SyncJobTable> {
  const target = z.strictObject({
    table: z
      .string()
      .min(1)
      .max(255)
      .optional()
      .describe('Name of the table in the target. Default: the last part of its name in the source.'),
    ...Object.fromEntries(
      Object.entries(options).map(([type, schema]) => [
        type,
        schema.optional().describe(`Options of the table, for a target of type ${type}.`),
      ]),
    ),
  })
  const table = z.strictObject({
    include: glob.describe(
      'Tables of the source, as a name or a glob: `public.*`. `*` stands for any characters, `?` for one. Where several entries match a table, the last one holds.',
    ),
    exclude: z.array(glob).max(256).default([]).describe('Tables to leave out of those, as names or globs.'),
    key: z
      .array(z.string().min(1).max(255))
      .min(1)
      .max(32)
      .optional()
      .describe('Columns that identify a row, in place of the primary key of the source.'),
    target: target.optional().describe('What the table is like in the target.'),
  })
  return withCel(table, {
    rule: 'has(self.key) == has(oldSelf.key) && (!has(self.key) || self.key == oldSelf.key)',
    message: 'the key of a table cannot change; sync it to a new table of the target',
  }) as unknown as z.ZodType<SyncJobTable>
}

const restart = z
  .string()
  .min(1)
  .max(64)
  .optional()
  .describe(
    'Any text, such as the time. Another one than before replaces the workers, one after the other; they go on from where they were.',
  )

function syncJobSpec(tableOptions: Readonly<Record<string, z.ZodType>>) {
  return z.strictObject({
    source: reference('source').describe('Where the tables are.'),
    target: reference('target').describe('Where they are kept in step.'),
    tables: listMap(z.array(tableSchema(tableOptions)).min(1).max(1000), ['include']).describe(
      'Which tables.',
    ),
    mode: z
      .enum(['snapshotAndStream', 'snapshot', 'stream'])
      .default('snapshotAndStream')
      .describe(
        'snapshotAndStream: what is there, then every change. snapshot: what is there, once. stream: only changes, from `start`.',
      ),
    start: z
      .string()
      .max(64)
      .regex(
        /^(earliest|latest|\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(\.\d+)?(Z|[+-]\d{2}:\d{2}))$/,
        'use earliest, latest or a time such as 2026-01-31T12:00:00Z',
      )
      .default('earliest')
      .describe('Where a stream without a snapshot begins: earliest, latest, or an RFC 3339 time.'),
    freshness: durationAtLeast('100ms')
      .default('5s')
      .describe('How old the target may be when all is well: rows are committed at least this often.'),
    priority: z
      .enum(['core', 'high', 'normal', 'low'])
      .default('normal')
      .describe(
        'How much the job matters. It decides how jobs share the limits of a DataSource: core gets twice as much as high, that as normal, that as low. Where the operator was told PriorityClasses, it also decides which its pods have.',
      ),
    autoscaling,
    replicas,
    schemaEvolution: z
      .enum(['evolve', 'additive', 'ignore', 'fail'])
      .default('evolve')
      .describe(
        'What to do when a table changes its columns. evolve: add columns and widen types. additive: add columns only. ignore: keep the columns there are. fail: stop.',
      ),
    badRecords,
    worker,
    suspend: z
      .boolean()
      .default(false)
      .describe('Stops the workers; positions are kept, so the job goes on later from where it was.'),
    restart,
    resync: resyncSpec.optional(),
    deletionPolicy: z
      .enum(['Retain'])
      .default('Retain')
      .describe(
        'What becomes of the tables in the target when the job is deleted. Retain: they stay as they are.',
      ),
  })
}

export const syncJobStatus = z.strictObject({
  observedGeneration,
  conditions,
  replicas: z.int32().min(0).optional().describe('Worker pods there are.'),
  readyReplicas: z.int32().min(0).optional().describe('Worker pods that are ready.'),
  selector: z.string().optional().describe('Label selector of the worker pods.'),
  tables: z.int32().min(0).optional().describe('Tables that are synced.'),
  rows: z.int().min(0).optional().describe('Rows committed since the workers started.'),
  lag: duration.optional().describe('Age of the oldest change that is not yet in the target.'),
  resync: resyncStatus.optional(),
  autoscaling: scalingStatus,
  lastCommitTime: z.iso.datetime().optional().describe('When rows were last committed to the target.'),
})

export type SyncJobSpec = z.infer<ReturnType<typeof syncJobSpec>>
export type SyncJobStatus = z.infer<typeof syncJobStatus>
export type SyncJob = Resource<SyncJobSpec, SyncJobStatus>

const fromStatus = (name: string, type: PrinterColumn['type'], description: string): PrinterColumn => ({
  name,
  type,
  jsonPath: `.status.${name.toLowerCase()}`,
  description,
})

/** The kind, for these targets: type -> options per table. */
export function syncJobKind(
  tableOptions: Readonly<Record<string, z.ZodType>>,
): ResourceKind<SyncJobSpec, SyncJobStatus> {
  return {
    kind: 'SyncJob',
    plural: 'syncjobs',
    singular: 'syncjob',
    shortNames: ['sj'],
    description: 'Keeps tables of one DataSource in step in another.',
    spec: withRule(syncJobSpec(tableOptions), {
      rule: "!has(self.replicas) || self.autoscaling.mode != 'Auto'",
      message:
        'set autoscaling.mode to Manual or DryRun to say how many replicas there are: with Auto the operator decides',
      test: ({ replicas, autoscaling: { mode } }) => replicas === undefined || mode !== 'Auto',
    }),
    status: syncJobStatus,
    columns: [
      readyColumn,
      fromStatus('Lag', 'string', 'Age of the oldest change not yet in the target.'),
      fromStatus('Replicas', 'integer', 'Worker pods.'),
      reasonColumn,
      { ...fromStatus('Tables', 'integer', 'Tables that are synced.'), priority: 1 },
      { ...fromStatus('Rows', 'integer', 'Rows committed since the workers started.'), priority: 1 },
      {
        name: 'Priority',
        type: 'string',
        jsonPath: '.spec.priority',
        description: 'How much the job matters.',
        priority: 1,
      },
      ageColumn,
    ],
    scale: {
      specReplicasPath: '.spec.replicas',
      statusReplicasPath: '.status.replicas',
      labelSelectorPath: '.status.selector',
    },
  }
}
