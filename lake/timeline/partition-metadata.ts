// `.hoodie_partition_metadata`, one in each partition folder: without it Spark does not see the partition.
// Class HoodiePartitionMetadata.
import { decodeProperties, encodeProperties } from './properties.ts'
import type { InstantTime } from './instant.ts'

export const partitionMetadataName = '.hoodie_partition_metadata'

/** The file's bytes. `instant` is the first one that writes to the partition; '' is the partition of a table without any. */
export function partitionMetadata(partitionPath: string, instant: InstantTime): Uint8Array {
  const depth = partitionPath === '' ? 0 : partitionPath.split('/').length
  const properties = new Map([
    ['commitTime', instant],
    ['partitionDepth', String(depth)],
  ])
  return encodeProperties(properties, 'partition metadata')
}

/** Depth of the partition below the table, or null when the file does not say. */
export function partitionDepth(bytes: Uint8Array): number | null {
  const depth = Number(decodeProperties(bytes).get('partitionDepth'))
  return Number.isInteger(depth) ? depth : null
}
