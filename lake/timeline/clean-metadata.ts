// What a `clean` instant says: which files cleaning removed, and from which commit on the states of the table are whole.
// Spark refuses to travel to an earlier one. Avro schemas HoodieCleanMetadata.avsc and HoodieCleanerPlan.avsc.
import { decodeContainer, encodeContainer } from './avro-container.ts'
import type { InstantTime } from './instant.ts'
import { DataError } from '#common/errors.ts'

export interface CleanMetadata {
  /** The instant since whose commit the states are whole; '' when there is none. */
  earliestCommitToRetain: string
  /** The instant of the newest commit when the files were chosen; '' when there was none. */
  lastCompletedCommitTimestamp: string
  startCleanTime: InstantTime
  timeTakenInMillis: number
  totalFilesDeleted: number
  /** Names of the removed files, by partition path. */
  filesByPartition: Readonly<Record<string, readonly string[]>>
}

const policy = 'KEEP_LATEST_BY_HOURS'
/** Of both records, as Hudi has had them since 0.6. */
const recordVersion = 2

const text = { type: 'string', 'avro.java.string': 'String' }
const texts = { type: 'array', items: text }
const mapOf = (values: unknown): object => ({ type: 'map', values, 'avro.java.string': 'String' })
const namespace = 'org.apache.hudi.avro.model'
const versionField = { name: 'version', type: ['int', 'null'], default: 1 }

const partitionRecord = {
  type: 'record',
  name: 'HoodieCleanPartitionMetadata',
  fields: [
    { name: 'partitionPath', type: text },
    { name: 'policy', type: text },
    { name: 'deletePathPatterns', type: texts },
    { name: 'successDeleteFiles', type: texts },
    { name: 'failedDeleteFiles', type: texts },
    { name: 'isPartitionDeleted', type: ['null', 'boolean'], default: null },
  ],
}

const metadataRecord = {
  type: 'record',
  name: 'HoodieCleanMetadata',
  namespace,
  fields: [
    { name: 'policy', type: text, default: '' },
    { name: 'startCleanTime', type: text },
    { name: 'timeTakenInMillis', type: 'long' },
    { name: 'totalFilesDeleted', type: 'int' },
    { name: 'earliestCommitToRetain', type: text },
    { name: 'lastCompletedCommitTimestamp', type: text, default: '' },
    { name: 'partitionMetadata', type: mapOf(partitionRecord) },
    versionField,
    {
      name: 'bootstrapPartitionMetadata',
      type: ['null', mapOf('HoodieCleanPartitionMetadata')],
      default: null,
    },
  ],
}

const planRecord = {
  type: 'record',
  name: 'HoodieCleanerPlan',
  namespace,
  fields: [
    {
      name: 'earliestInstantToRetain',
      type: [
        'null',
        {
          type: 'record',
          name: 'HoodieActionInstant',
          fields: ['timestamp', 'action', 'state'].map(name => ({ name, type: text })),
        },
      ],
      default: null,
    },
    { name: 'policy', type: text },
    { name: 'filesToBeDeletedPerPartition', type: ['null', mapOf(texts)], default: null },
    versionField,
    {
      name: 'filePathsToBeDeletedPerPartition',
      type: [
        'null',
        mapOf({
          type: 'array',
          items: {
            type: 'record',
            name: 'HoodieCleanFileInfo',
            fields: [
              { name: 'filePath', type: ['null', text], default: null },
              { name: 'isBootstrapBaseFile', type: ['null', 'boolean'], default: null },
            ],
          },
        }),
      ],
      default: null,
    },
    { name: 'partitionsToBeDeleted', type: ['null', texts], default: null },
  ],
}

/** The bytes of the completed instant file. */
export function encodeCleanMetadata({ filesByPartition, ...rest }: CleanMetadata): Uint8Array {
  const partitionMetadata = Object.fromEntries(
    Object.entries(filesByPartition).map(([partitionPath, files]) => [
      partitionPath,
      { partitionPath, policy, deletePathPatterns: files, successDeleteFiles: files, failedDeleteFiles: [] },
    ]),
  )
  return encodeContainer(metadataRecord, { ...rest, policy, partitionMetadata, version: recordVersion })
}

/** @throws DataError LAKE_FILE_CORRUPT */
export function decodeCleanMetadata(bytes: Uint8Array, path: string): CleanMetadata {
  try {
    const body = decodeContainer(bytes)[0] as Omit<CleanMetadata, 'filesByPartition'> & {
      partitionMetadata: Record<string, { successDeleteFiles: string[] }>
    }
    return {
      earliestCommitToRetain: body.earliestCommitToRetain,
      lastCompletedCommitTimestamp: body.lastCompletedCommitTimestamp,
      startCleanTime: body.startCleanTime,
      timeTakenInMillis: body.timeTakenInMillis,
      totalFilesDeleted: body.totalFilesDeleted,
      filesByPartition: Object.fromEntries(
        Object.entries(body.partitionMetadata).map(([partition, { successDeleteFiles }]) => [
          partition,
          successDeleteFiles,
        ]),
      ),
    }
  } catch (cause) {
    throw new DataError('The metadata of a cleaning cannot be read', {
      code: 'LAKE_FILE_CORRUPT',
      context: { path },
      cause,
    })
  }
}

/** The bytes of the requested instant file, once all of the plan is done. `action` is that of the commit. */
export function encodeDoneCleanerPlan(earliest: { instant: InstantTime; action: string } | null): Uint8Array {
  return encodeContainer(planRecord, {
    earliestInstantToRetain: earliest && {
      timestamp: earliest.instant,
      action: earliest.action,
      state: 'COMPLETED',
    },
    policy,
    filePathsToBeDeletedPerPartition: {},
    version: recordVersion,
  })
}
