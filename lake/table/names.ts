// Names of data files. A file group is known by its file id; a base file carries the write token and the
// instant, a log file also its version. Classes FSUtils and HoodieLogFile.
//
//   base   <fileId>_<writeToken>_<instant>.parquet
//   log    .<fileId>_<instant>.log.<version>_<writeToken>     instant: the commit's own (table version 8 and 9),
//                                                             the slice's base instant (6)
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

/**
 * A write token (three integers) that no other writer has, so that two writers never write one path: what a
 * loser of a race removes is its own.
 */
export function newWriteToken(clock: Clock): string {
  const part = (): number => Math.floor(clock.random() * 0x7fff_ffff)
  return `${part()}-${part()}-${part()}`
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
