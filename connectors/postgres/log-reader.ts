// Drives the log: takes messages from the connection, hands them to the assembler, and cuts what comes of them
// into chunks: between transactions when it can, inside one only when the chunk is full.
import type { Clock } from '#common/clock.ts'
import { TransientError } from '#common/errors.ts'
import type { ReadLimits, SourceChunk } from '../connector.ts'
import type { ReadPace } from '../read-pace.ts'
import { PortionCount } from '../read-pace.ts'
import type { LogAssembler, LoggedTable } from './log-assembler.ts'
import { formatLsn } from './lsn.ts'
import type { LoggedRelation } from './pgoutput.ts'
import { LogMessage, StreamMessage, dataHeaderBytes, parseKeepalive, parseRelation } from './pgoutput.ts'
import { MessageType } from './raw-connection.ts'
import type { ReplicationSession } from './replication-session.ts'
import type { Tuple } from './tuple.ts'

export interface LogReadOptions {
  stream: ReplicationSession
  assembler: LogAssembler
  limits: ReadLimits
  clock: Clock
  /** The position reading begins at. */
  from: bigint
  /** Says how a relation of the log is read; null: not at all. */
  define: (relation: LoggedRelation) => Promise<LoggedTable | null>
  /** The current values of a row that the log does not tell whole; null when it is gone. */
  fetchRow: (table: LoggedTable, row: Tuple) => Promise<Tuple | null>
  pace: ReadPace | undefined
  signal: AbortSignal
}

/** Bytes of messages between two looks at the size of the columns, at most. */
const lookBytesMax = 64 * 1024

export class LogReader {
  /** Everything that commits before is in the chunks yielded. */
  position: bigint
  /** True when chunks were yielded that reach beyond `position`, into a transaction. */
  insideTransaction = false
  readonly #options: LogReadOptions
  #received: bigint
  /** Since when something waits to be yielded: rows, or a position that moved. */
  #pendingSinceMs: number | null = null
  readonly #lookBytes: number
  #unlooked = 0
  /** The chunk should end at the next boundary between transactions. */
  #due = false
  /** The chunk must end now. */
  #full = false
  /** The server had nothing more to send when it last spoke. */
  #idle = false
  readonly #paced: PortionCount | null

  constructor(options: LogReadOptions) {
    this.#options = options
    this.#paced = options.pace === undefined ? null : new PortionCount(options.pace)
    this.position = this.#received = options.from
    this.#lookBytes = Math.min(lookBytesMax, options.limits.chunkBytesMax / 8)
  }

  /** Yields chunks until the connection fails or is closed. */
  async *chunks(): AsyncGenerator<SourceChunk> {
    try {
      yield* this.#chunks()
    } finally {
      this.#paced?.end()
    }
  }

  async *#chunks(): AsyncGenerator<SourceChunk> {
    const { assembler, stream } = this.#options
    const { connection } = stream
    for (;;) {
      while (connection.framer.next()) {
        const wanted = this.#message()
        if (wanted === 'relation') yield* this.#relation()
        else if (wanted === 'row') await this.#row()
        if (this.#paced?.isSpent === true) await this.#waitForMore(this.#paced)
        if (this.#full || (this.#due && !assembler.inTransaction)) yield this.#cut()
      }
      this.#look()
      if (this.#due && !assembler.inTransaction) yield this.#cut()
      if (connection.fill()) stream.heard()
      else await connection.wait(this.#untilDueMs())
    }
  }

  /** Handles the framer's message. */
  #message(): 'nothing' | 'relation' | 'row' {
    const { assembler, stream } = this.#options
    const { framer } = stream.connection
    if (framer.type === MessageType.errorResponse) throw stream.connection.serverError()
    if (framer.type === MessageType.copyDone)
      throw new TransientError('The server ended the replication stream', { code: 'SOURCE_UNREACHABLE' })
    if (framer.type !== MessageType.copyData) return 'nothing'
    const { bytes, start, end } = framer
    if (bytes[start] === StreamMessage.keepalive) {
      this.#keepalive(bytes, start)
      return 'nothing'
    }
    this.#idle = false
    const at = start + dataHeaderBytes
    const wanted = assembler.handle(bytes, at)
    if (this.#paced !== null && isRow(bytes[at]!)) this.#paced.add(1, end - at)
    if (bytes[at] === LogMessage.commit) this.#moveTo(assembler.committedTo)
    this.#unlooked += end - start
    if (this.#unlooked >= this.#lookBytes) this.#look()
    return wanted
  }

  async #waitForMore(paced: PortionCount): Promise<void> {
    await paced.renew(this.#options.signal)
    // Rows that came before the wait may have waited long enough.
    this.#look()
  }

  #keepalive(bytes: Buffer, start: number): void {
    const { assembler, stream } = this.#options
    const { walEnd, replyNow } = parseKeepalive(bytes, start + 1)
    if (!assembler.inTransaction) this.#moveTo(walEnd)
    this.#idle = true
    if (replyNow) stream.reply()
  }

  #moveTo(lsn: bigint): void {
    if (lsn <= this.#received) return
    this.#received = lsn
    this.#options.stream.received(lsn)
    this.#pendingSinceMs ??= this.#options.clock.monotonicMs()
  }

  /** Decides whether the chunk is large or old enough. */
  #look(): void {
    const { assembler, clock, limits } = this.#options
    if (assembler.hasChanges) this.#pendingSinceMs ??= clock.monotonicMs()
    if (this.#unlooked >= this.#lookBytes) {
      this.#unlooked = 0
      const bytes = assembler.byteLength
      this.#full = bytes >= limits.chunkBytesMax
      this.#due ||= bytes >= limits.chunkBytesMax * 0.875
    }
    this.#due ||= this.#untilDueMs() <= 0
  }

  #untilDueMs(): number {
    if (this.#pendingSinceMs === null) return Infinity
    // Inside a transaction only more messages can bring the boundary.
    if (this.#options.assembler.inTransaction) return Infinity
    return this.#pendingSinceMs + this.#options.limits.lingerMs - this.#options.clock.monotonicMs()
  }

  #cut(): SourceChunk {
    const { assembler, stream } = this.#options
    const { newestAtMs, inTransaction } = assembler
    this.#pendingSinceMs = null
    this.#due = this.#full = false
    this.insideTransaction = inTransaction
    if (!inTransaction) this.position = this.#received
    return {
      changes: assembler.take(),
      position: inTransaction ? null : formatLsn(this.position),
      newestAtMs,
      caughtUp: this.#idle && !stream.connection.hasUnread && !inTransaction,
    }
  }

  /** A relation that changed ends the chunk, so that a chunk has one schema per table. */
  async *#relation(): AsyncGenerator<SourceChunk> {
    const { assembler, define, stream } = this.#options
    const { bytes, start } = stream.connection.framer
    const relation = parseRelation(bytes, start + dataHeaderBytes + 1)
    const table = await define(relation)
    const known = assembler.tableOf(relation.oid)
    if (table && known && table.schema === known.schema) return
    if (known && assembler.hasChanges) yield this.#cut()
    assembler.define(relation.oid, table)
  }

  async #row(): Promise<void> {
    const { assembler, fetchRow } = this.#options
    assembler.resolve(await fetchRow(assembler.rowTable!, assembler.row))
  }
}

function isRow(message: number): boolean {
  return message === LogMessage.insert || message === LogMessage.update || message === LogMessage.delete
}
