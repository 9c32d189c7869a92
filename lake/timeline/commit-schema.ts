// The Avro records of completed instants, fields in upstream's order (hudi-common/src/main/avro,
// HoodieCommitMetadata.avsc and HoodieReplaceCommitMetadata.avsc). `avro.java.string` makes Java read
// java.lang.String, as its own writers declare.

const text = { type: 'string', 'avro.java.string': 'String' }
const optional = (type: unknown): [string, unknown] => ['null', type]
const field = (name: string, type: unknown): object => ({ name, type: optional(type), default: null })

const runtimeStats = {
  type: 'record',
  name: 'HoodieRuntimeStats',
  fields: ['totalScanTime', 'totalCreateTime', 'totalUpsertTime'].map(name => field(name, 'long')),
}

const writeStat = {
  type: 'record',
  name: 'HoodieWriteStat',
  fields: [
    field('fileId', text),
    field('path', text),
    field('prevCommit', text),
    field('numWrites', 'long'),
    field('numDeletes', 'long'),
    field('numUpdateWrites', 'long'),
    field('totalWriteBytes', 'long'),
    field('totalWriteErrors', 'long'),
    field('partitionPath', text),
    field('totalLogRecords', 'long'),
    field('totalLogFiles', 'long'),
    field('totalUpdatedRecordsCompacted', 'long'),
    field('numInserts', 'long'),
    field('totalLogBlocks', 'long'),
    field('totalCorruptLogBlock', 'long'),
    field('totalRollbackBlocks', 'long'),
    field('fileSizeInBytes', 'long'),
    field('logVersion', 'int'),
    field('logOffset', 'long'),
    field('baseFile', text),
    field('logFiles', { type: 'array', items: text }),
    field('cdcStats', { type: 'map', values: 'long', 'avro.java.string': 'String' }),
    field('prevBaseFile', text),
    field('minEventTime', 'long'),
    field('maxEventTime', 'long'),
    field('runtimeStats', runtimeStats),
    field('totalLogFilesCompacted', 'long'),
    field('totalLogReadTimeMs', 'long'),
    field('totalLogSizeCompacted', 'long'),
    field('tempPath', text),
    field('numUpdates', 'long'),
  ],
}

const mapOf = (values: unknown): object => ({ type: 'map', values, 'avro.java.string': 'String' })
const statsByPartition = field('partitionToWriteStats', mapOf({ type: 'array', items: writeStat }))
const compacted = field('compacted', 'boolean')
const extraMetadata = field('extraMetadata', mapOf(text))
const version = { name: 'version', type: ['int', 'null'], default: 1 }
const operationType = field('operationType', text)

export const commitRecord = {
  type: 'record',
  name: 'HoodieCommitMetadata',
  namespace: 'org.apache.hudi.avro.model',
  fields: [statsByPartition, compacted, extraMetadata, version, operationType],
}

export const replaceCommitRecord = {
  type: 'record',
  name: 'HoodieReplaceCommitMetadata',
  namespace: 'org.apache.hudi.avro.model',
  fields: [
    statsByPartition,
    compacted,
    extraMetadata,
    version,
    operationType,
    field('partitionToReplaceFileIds', mapOf({ type: 'array', items: text })),
  ],
}
