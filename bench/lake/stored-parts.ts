// What the bytes of a table are: its newest state, and what its past takes beside it.
import { parseDataFile } from '#lake/reader/data-file.ts'
import type { DataFile } from '#lake/reader/data-file.ts'
import type { ObjectStore } from '#lake/storage/object-store.ts'
import { fileGroupKey } from '#lake/table/names.ts'
import { parseInstant } from '#lake/timeline/instant.ts'

const dayMs = 24 * 3_600_000

/** Bytes. */
export interface StoredParts {
  /** Of each file group the newest base file. */
  newestBases: number
  /** Those that only the past is read from. */
  olderBases: number
  /** Logs of the last 24 hours, which are kept commit by commit. */
  newLogs: number
  /** Logs of the days before. */
  oldLogs: number
  /** Journal, timeline and its history. */
  metadata: number
}

export async function storedParts(store: ObjectStore, nowMs: number): Promise<StoredParts> {
  const parts: StoredParts = { newestBases: 0, olderBases: 0, newLogs: 0, oldLogs: 0, metadata: 0 }
  const newest = new Map<string, DataFile>()
  for await (const object of store.list('')) {
    const file = parseDataFile(object)
    if (file === null) parts.metadata += object.sizeBytes
    else if (file.kind === 'log')
      parts[parseInstant(file.instant) > nowMs - dayMs ? 'newLogs' : 'oldLogs'] += file.sizeBytes
    else {
      const group = fileGroupKey(file.partitionPath, file.fileId)
      const other = newest.get(group)
      if (other === undefined || other.instant < file.instant) newest.set(group, file)
      parts.olderBases += file.sizeBytes
    }
  }
  for (const { sizeBytes } of newest.values()) {
    parts.newestBases += sizeBytes
    parts.olderBases -= sizeBytes
  }
  return parts
}

export function tableBytes(parts: StoredParts): number {
  return Object.values(parts).reduce((sum: number, bytes: number) => sum + bytes, 0)
}

export function meanParts(looks: readonly StoredParts[]): StoredParts {
  const mean = (part: keyof StoredParts): number =>
    looks.reduce((sum, look) => sum + look[part], 0) / looks.length
  return {
    newestBases: mean('newestBases'),
    olderBases: mean('olderBases'),
    newLogs: mean('newLogs'),
    oldLogs: mean('oldLogs'),
    metadata: mean('metadata'),
  }
}
