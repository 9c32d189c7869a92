// The plan of a compaction that another engine is to run: `<instant>.compaction.requested`, an Avro object container
// of HoodieCompactionPlan (hudi-common/src/main/avro), fields in upstream's order. Version 2 names files without
// their folder. Spark's compactor needs `metrics` with the bytes of the logs.
import { decodeContainer, encodeContainer } from './avro-container.ts'
import { timelineFolder } from './instant-file.ts'
import type { InstantTime } from './instant.ts'

export interface CompactionOperation {
  /** The base file's instant, or the first log's when there is no base file. */
  baseInstantTime: InstantTime
  /** Names of the log files to merge. */
  deltaFilePaths: readonly string[]
  /** Name of the base file; null when there is none yet. */
  dataFilePath: string | null
  fileId: string
  partitionPath: string
  metrics: Readonly<Record<string, number>>
}

export interface CompactionPlan {
  operations: readonly CompactionOperation[]
  extraMetadata: Readonly<Record<string, string>>
}

/** Plans exist in layout 2 alone: in layout 1 nothing is compacted beside other writers. */
export function requestedCompactionPath(instant: InstantTime): string {
  return `${timelineFolder(2)}/${instant}.compaction.requested`
}

const text = { type: 'string', 'avro.java.string': 'String' }
const field = (name: string, type: unknown): object => ({ name, type: ['null', type], default: null })
const mapOf = (values: unknown): object => ({ type: 'map', values, 'avro.java.string': 'String' })
const versionField = { name: 'version', type: ['int', 'null'], default: 1 }

const planRecord = {
  type: 'record',
  name: 'HoodieCompactionPlan',
  namespace: 'org.apache.hudi.avro.model',
  fields: [
    field('operations', {
      type: 'array',
      items: {
        type: 'record',
        name: 'HoodieCompactionOperation',
        fields: [
          field('baseInstantTime', text),
          field('deltaFilePaths', { type: 'array', items: text }),
          field('dataFilePath', text),
          field('fileId', text),
          field('partitionPath', text),
          field('metrics', mapOf('double')),
          field('bootstrapFilePath', text),
        ],
      },
    }),
    field('extraMetadata', mapOf(text)),
    versionField,
    field('strategy', {
      type: 'record',
      name: 'HoodieCompactionStrategy',
      fields: [field('compactorClassName', text), field('strategyParams', mapOf(text)), versionField],
    }),
    { name: 'preserveHoodieMetadata', type: ['boolean', 'null'], default: false },
    field('missingSchedulePartitions', { type: 'array', items: text }),
  ],
}

export function encodeCompactionPlan(plan: CompactionPlan): Uint8Array {
  return encodeContainer(planRecord, {
    ...plan,
    version: 2,
    // Rows keep the instant that wrote them, or incremental readers would see them again.
    preserveHoodieMetadata: true,
  })
}

/** @throws Error when the bytes are no such container */
export function decodeCompactionPlan(bytes: Uint8Array): CompactionPlan {
  return decodeContainer(bytes)[0] as CompactionPlan
}
