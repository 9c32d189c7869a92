// Names and manifests of the history, where instants go when they leave the active timeline (layout 2). It is a tree
// of Parquet files below `.hoodie/timeline/history/`, each with the instants of a stretch of time; a manifest names
// the files that count, and the manifest of the greatest number is the one that holds. Classes LSMTimeline and
// HoodieLSMTimelineManifest.
//
//   <first instant>_<last instant>_<level>.parquet    level 0: as archived; level n + 1: files of level n merged
//   manifest_<version>                                JSON {"files": [{"fileName", "fileLen"}]}
//   _version_                                         the newest version, to spare readers the listing; optional
import { DataError } from '#common/errors.ts'
import type { InstantTime } from './instant.ts'

export const historyFolder = '.hoodie/timeline/history/'
export const versionFilePath = `${historyFolder}_version_`

export interface HistoryFile {
  name: string
  sizeBytes: number
}

export interface HistorySpan {
  first: InstantTime
  last: InstantTime
  level: number
}

/** Levels are one digit in the name. */
export const levelMax = 9

const fileName = /^(\d+)_(\d+)_(\d)\.parquet$/
const manifestName = /^manifest_(\d+)$/

export function historyFileName({ first, last, level }: HistorySpan): string {
  return `${first}_${last}_${level}.parquet`
}

/** What the name says, or null when it is no file of instants. */
export function historySpan(name: string): HistorySpan | null {
  const parts = fileName.exec(name)
  return parts && { first: parts[1]!, last: parts[2]!, level: Number(parts[3]) }
}

export function manifestPath(version: number): string {
  return `${historyFolder}manifest_${version}`
}

/** The version in a manifest's name, or null when it is another file. */
export function manifestVersion(name: string): number | null {
  const parts = manifestName.exec(name)
  return parts && Number(parts[1])
}

export function encodeManifest(files: readonly HistoryFile[]): Uint8Array {
  const entries = files.map(({ name, sizeBytes }) => ({ fileName: name, fileLen: sizeBytes }))
  return Buffer.from(JSON.stringify({ files: entries }, null, 2))
}

/** @throws DataError LAKE_FILE_CORRUPT */
export function decodeManifest(bytes: Uint8Array, path: string): HistoryFile[] {
  try {
    const { files } = JSON.parse(Buffer.from(bytes).toString('utf8')) as {
      files: { fileName: string; fileLen: number }[]
    }
    return files.map(({ fileName: name, fileLen }) => ({ name, sizeBytes: fileLen }))
  } catch (cause) {
    throw new DataError('A manifest of the history cannot be read', {
      code: 'LAKE_FILE_CORRUPT',
      context: { path },
      cause,
    })
  }
}
