// Messages of the logical replication stream, as pgoutput writes them (proto_version 1).
// https://www.postgresql.org/docs/current/protocol-logicalrep-message-formats.html
//
//   XLogData  ::= 'w' start:Int64 end:Int64 sent:Int64 message      inside CopyData
//   Keepalive ::= 'k' walEnd:Int64 sent:Int64 replyNow:Byte1        inside CopyData
//
//   Begin    ::= 'B' commitLsn:Int64 committedAt:Int64 xid:Int32
//   Commit   ::= 'C' flags:Int8 commitLsn:Int64 endLsn:Int64 committedAt:Int64
//   Origin   ::= 'O' lsn:Int64 name:String
//   Type     ::= 'Y' oid:Int32 schema:String name:String
//   Relation ::= 'R' oid:Int32 schema:String name:String identity:Int8 columns:Int16 column*
//   column   ::= flags:Int8(1: key) name:String type:Int32(oid) modifier:Int32
//   Insert   ::= 'I' relation:Int32 'N' tuple
//   Update   ::= 'U' relation:Int32 [('K' | 'O') tuple] 'N' tuple
//   Delete   ::= 'D' relation:Int32 ('K' | 'O') tuple
//   Truncate ::= 'T' relations:Int32 options:Int8 relation:Int32*
//
// K: the old key, when it changed; O: the old row, with REPLICA IDENTITY FULL. Tuples: tuple.ts.

export const StreamMessage = { data: 0x77, keepalive: 0x6b } as const

/** Bytes of XLogData before its message. */
export const dataHeaderBytes = 25

export const LogMessage = {
  begin: 0x42,
  commit: 0x43,
  relation: 0x52,
  insert: 0x49,
  update: 0x55,
  delete: 0x44,
  truncate: 0x54,
} as const

export const TupleRole = { newRow: 0x4e, oldKey: 0x4b, oldRow: 0x4f } as const

/** Microseconds from 1970-01-01 to PostgreSQL's epoch 2000-01-01. */
const epochMicros = 946_684_800_000_000n

export interface Begin {
  /** Where the commit record begins. */
  commitLsn: bigint
  committedAtMs: number
}

/** `at`: after the message's type byte; so in all of these. */
export function parseBegin(bytes: Buffer, at: number): Begin {
  return { commitLsn: bytes.readBigUInt64BE(at), committedAtMs: millisecondsOf(bytes.readBigInt64BE(at + 8)) }
}

/** Where the commit record ends: everything before is complete. */
export function parseCommitEnd(bytes: Buffer, at: number): bigint {
  return bytes.readBigUInt64BE(at + 9)
}

export interface LoggedRelation {
  oid: number
  /** `public.orders`. */
  name: string
  columns: readonly { name: string; type: number; modifier: number; isKey: boolean }[]
}

export function parseRelation(bytes: Buffer, start: number): LoggedRelation {
  let at = start + 4
  const string = (): string => {
    const end = bytes.indexOf(0, at)
    const text = bytes.toString('utf8', at, end)
    at = end + 1
    return text
  }
  const schema = string() || 'pg_catalog'
  const name = `${schema}.${string()}`
  const count = bytes.readUInt16BE(at + 1)
  at += 3
  const columns = Array.from({ length: count }, () => {
    const isKey = (bytes[at++]! & 1) === 1
    const column = {
      name: string(),
      type: bytes.readUInt32BE(at),
      modifier: bytes.readInt32BE(at + 4),
      isKey,
    }
    at += 8
    return column
  })
  return { oid: bytes.readUInt32BE(start), name, columns }
}

export function parseTruncate(bytes: Buffer, at: number): number[] {
  return Array.from({ length: bytes.readUInt32BE(at) }, (_, index) => bytes.readUInt32BE(at + 5 + index * 4))
}

export interface Keepalive {
  /** Everything before it has been sent. */
  walEnd: bigint
  replyNow: boolean
}

export function parseKeepalive(bytes: Buffer, at: number): Keepalive {
  return { walEnd: bytes.readBigUInt64BE(at), replyNow: bytes[at + 16] === 1 }
}

/**
 *   StandbyStatus ::= 'r' written:Int64 flushed:Int64 applied:Int64 clock:Int64 replyNow:Byte1
 *
 * The server forgets the log before `flushed`, and only that counts for logical slots.
 */
export function standbyStatus(written: bigint, flushed: bigint, nowMs: number, replyNow: boolean): Buffer {
  const body = Buffer.alloc(34)
  body[0] = 0x72
  body.writeBigUInt64BE(written, 1)
  body.writeBigUInt64BE(flushed, 9)
  body.writeBigUInt64BE(flushed, 17)
  body.writeBigInt64BE(BigInt(Math.trunc(nowMs)) * 1000n - epochMicros, 25)
  body[33] = replyNow ? 1 : 0
  return body
}

function millisecondsOf(micros: bigint): number {
  return Number((micros + epochMicros) / 1000n)
}
