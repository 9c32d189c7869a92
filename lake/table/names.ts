// Names of data files. A file group is known by its file id; a base file carries the write token and the
// instant, a log file also its version. Classes FSUtils and HoodieLogFile.
//
//   base   <fileId>_<writeToken>_<instant>.parquet
//   log    .<fileId>_<instant>.log.<version>_<writeToken>     instant: the commit's own (table version 8 and 9),
//                                                             the slice's base instant (6)
import { crc32 } from 'node:zlib'
import type { Clock } from '#common/clock.ts'
import type { InstantTime } from '#lake/timeline/instant.ts'

export interface BaseFileName {
  fileId: string
  writeToken: string
  instant: InstantTime
}

export interface LogFileName extends BaseFileName {
  version: number
}

const basePattern = /^([^_/]+)_([^_/]+)_(\d{17})\.parquet$/
// No dot within: Hadoop's checksum files (`..<name>.crc`) and change-data logs (`.cdc`) are none.
const logPattern = /^\.([^_/.]+)_(\d{17})\.log\.(\d+)(?:_([^_/.]+))?$/

export function baseFileName({ fileId, writeToken, instant }: BaseFileName): string {
  return `${fileId}_${writeToken}_${instant}.parquet`
}

export function logFileName({ fileId, writeToken, instant, version }: LogFileName): string {
  return `.${fileId}_${instant}.log.${version}_${writeToken}`
}

export function parseBaseFileName(name: string): BaseFileName | null {
  const parts = basePattern.exec(name)
  return parts && { fileId: parts[1]!, writeToken: parts[2]!, instant: parts[3]! }
}

export function parseLogFileName(name: string): LogFileName | null {
  const parts = logPattern.exec(name)
  if (parts === null) return null
  return {
    fileId: parts[1]!,
    instant: parts[2]!,
    version: Number(parts[3]),
    writeToken: parts[4] ?? '',
  }
}

/** A file id that no other file group has. */
export function newFileId(clock: Clock): string {
  return `${clock.uuid()}-0`
}

/** First numbers of write tokens from here on say that a checksum follows. Engines number their tasks from 0. */
const checksumMark = 0x7c00_0000
const intMax = 0x7fff_ffff

/**
 * A write token (three integers) that no other writer has, so that two writers never write one path: what a
 * loser of a race removes is its own.
 */
export function newWriteToken(clock: Clock): string {
  const part = (max: number): number => Math.floor(clock.random() * max)
  return `${part(checksumMark)}-${part(intMax)}-${part(intMax)}`
}

/**
 * A write token that holds a checksum of the file. Log blocks have none of their own, and a damaged record of one
 * would pass for another. Only for files that nobody appends to: not for logs of table version 6.
 */
export function checksumWriteToken(bytes: Uint8Array, clock: Clock): string {
  const mark = checksumMark + Math.floor(clock.random() * (intMax - checksumMark))
  const checksum = crc32(bytes)
  return `${mark}-${checksum >>> 16}-${checksum & 0xffff}`
}

/** The CRC-32 that a write token says its file has, or null when it says nothing. */
export function checksumOf(writeToken: string): number | null {
  const parts = /^(\d{10})-(\d{1,5})-(\d{1,5})$/.exec(writeToken)
  if (parts === null || Number(parts[1]) < checksumMark) return null
  return Number(parts[2]) * 0x1_0000 + Number(parts[3])
}

/** Path of a data file relative to the table. */
export function dataFilePath(partitionPath: string, fileName: string): string {
  return partitionPath === '' ? fileName : `${partitionPath}/${fileName}`
}

/** The name under which claims about a file group are compared: partition path and file id. */
export function fileGroupKey(partitionPath: string, fileId: string): string {
  return partitionPath === '' ? fileId : `${partitionPath}/${fileId}`
}

/** What a name made by fileGroupKey() stands for. */
export function parseFileGroupKey(key: string): { partitionPath: string; fileId: string } {
  const slash = key.lastIndexOf('/')
  return { partitionPath: key.slice(0, Math.max(slash, 0)), fileId: key.slice(slash + 1) }
}
