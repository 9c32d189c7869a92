// The blocks of a log file. A torn block (a writer died in it) or a damaged one is reported and stepped over, as
// Hudi's readers do: the file goes on at the next magic.
import { blockMagic, BlockType, HeaderKey, logFormatVersion, prefixBytes } from './block.ts'
import type { ErrorContext } from '#common/errors.ts'
import { DataError } from '#common/errors.ts'

/** A whole block; what its content holds depends on the type. */
export interface LogBlock {
  type: Exclude<BlockType, 'corrupt' | 'command'>
  /** Where it starts in the file. */
  offset: number
  /** The instant it was written under; '' when it names none. */
  instant: string
  /** The Avro schema of its records, as text; '' when it names none. */
  schema: string
  content: Uint8Array
}

/** Takes back the blocks of an instant: a writer's rollback. */
export interface RollbackBlock {
  type: 'rollback'
  offset: number
  instant: string
  /** The instant whose blocks are void. */
  targetInstant: string
}

/** Bytes that are no block. At the end of the file: a write that was cut off. */
export interface CorruptBlock {
  type: 'corrupt'
  offset: number
  length: number
  reason: string
}

export type DecodedBlock = LogBlock | RollbackBlock | CorruptBlock

const typeNames = Object.keys(BlockType) as BlockType[]
const rollbackCommand = '0'

/** @throws DataError LAKE_FILE_CORRUPT for whole blocks of a log format or with a command that is not known. */
export function* decodeBlocks(bytes: Uint8Array, context: ErrorContext = {}): Generator<DecodedBlock> {
  const file = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  for (let offset = 0; offset < file.length;) {
    const frame = readFrame(file, offset)
    if (typeof frame !== 'string') {
      yield decoded(frame, { ...context, offset })
      offset = frame.end
      continue
    }
    const next = file.indexOf(blockMagic, offset + 1)
    const end = next < 0 ? file.length : next
    yield { type: 'corrupt', offset, length: end - offset, reason: frame }
    offset = end
  }
}

interface Frame {
  offset: number
  end: number
  version: number
  type: BlockType | undefined
  headers: ReadonlyMap<number, string>
  content: Uint8Array
}

/** The frame at an offset, or why there is none. */
function readFrame(file: Buffer, offset: number): Frame | string {
  if (file.length - offset < prefixBytes || file.compare(blockMagic, 0, 6, offset, offset + 6) !== 0)
    return 'no block starts here'
  const length = Number(file.readBigUInt64BE(offset + 6))
  const end = offset + prefixBytes + length
  if (end > file.length) return 'the file ends within the block'
  if (length < 32) return 'the block is too short to be one'
  if (Number(file.readBigUInt64BE(end - 8)) !== length + blockMagic.length)
    return 'the sizes at the start and at the end of the block differ'
  try {
    return readBody(file.subarray(0, end - 8), offset)
  } catch (error) {
    if (error instanceof RangeError) return 'the parts of the block do not fit into it'
    throw error
  }
}

/** `file` ends where the block's trailer starts. @throws RangeError when a part goes beyond it. */
function readBody(file: Buffer, offset: number): Frame {
  const start = offset + prefixBytes
  const version = file.readUInt32BE(start)
  const type = typeNames[file.readUInt32BE(start + 4)]
  const { headers, at } = readHeaders(file, start + 8)
  const size = Number(file.readBigUInt64BE(at))
  if (at + 8 + size + 4 > file.length) throw new RangeError('content beyond the block')
  const content = file.subarray(at + 8, at + 8 + size)
  readHeaders(file, at + 8 + size)
  return { offset, end: file.length + 8, version, type, headers, content }
}

function readHeaders(file: Buffer, start: number): { headers: Map<number, string>; at: number } {
  const headers = new Map<number, string>()
  const count = file.readUInt32BE(start)
  let at = start + 4
  for (let left = count; left > 0; left--) {
    const key = file.readUInt32BE(at)
    const end = at + 8 + file.readUInt32BE(at + 4)
    if (end > file.length) throw new RangeError('header beyond the block')
    headers.set(key, file.toString('utf8', at + 8, end))
    at = end
  }
  return { headers, at }
}

function decoded(frame: Frame, context: ErrorContext): DecodedBlock {
  const { offset, type, headers, content } = frame
  const header = (key: number): string => headers.get(key) ?? ''
  const unknown = (what: string): DataError =>
    new DataError(`A log block is of an unknown kind: ${what}`, { code: 'LAKE_FILE_CORRUPT', context })
  if (frame.version !== logFormatVersion) throw unknown(`log format version ${frame.version}`)
  if (type === undefined) throw unknown('block type')
  const instant = header(HeaderKey.instantTime)
  if (type === 'corrupt') return { type, offset, length: frame.end - offset, reason: 'a reader marked it so' }
  if (type !== 'command') return { type, offset, instant, schema: header(HeaderKey.schema), content }
  const command = header(HeaderKey.commandBlockType)
  if (command !== rollbackCommand) throw unknown(`command ${command}`)
  return { type: 'rollback', offset, instant, targetInstant: header(HeaderKey.targetInstantTime) }
}
