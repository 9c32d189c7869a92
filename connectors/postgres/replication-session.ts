// A connection that streams the log of a slot. It answers the server's liveness checks while the reader is busy,
// tells it nothing but what was acknowledged, and notices when the server has gone silent.
// https://www.postgresql.org/docs/current/protocol-replication.html#PROTOCOL-REPLICATION-START-REPLICATION
import type { Clock } from '#common/clock.ts'
import { formatLsn } from './lsn.ts'
import { quoteName } from './names.ts'
import { standbyStatus } from './pgoutput.ts'
import { MessageType, RawConnection } from './raw-connection.ts'
import type { ServerAccess } from './session.ts'
import { Session } from './session.ts'

export interface StreamOptions {
  slot: string
  publication: string
  /** Transactions that commit before this are not sent. */
  from: bigint
  /** Values in binary form. */
  binary: boolean
  /** Bytes received ahead of the reader before the socket is paused. */
  readAheadBytes: number
}

export interface Liveness {
  nowMs: number
  /** When bytes were last taken from the connection. */
  heardAtMs: number
  /** When the reader last was busy with what had been received: silence before does not count. */
  readerBusyAtMs: number
  timeoutMs: number
}

/** True when the server should have answered by now. A reader that holds the stream back hears nothing by its own doing. */
export function isSilent({ nowMs, heardAtMs, readerBusyAtMs, timeoutMs }: Liveness): boolean {
  return nowMs - Math.max(heardAtMs, readerBusyAtMs) > timeoutMs
}

const statusIntervalMaxMs = 10_000

export class ReplicationSession {
  readonly connection: RawConnection
  readonly #session: Session
  readonly #clock: Clock
  readonly #timer: NodeJS.Timeout
  readonly #silenceMs: number
  #written: bigint
  #flushed: bigint
  #heardAtMs: number
  #readerBusyAtMs: number

  private constructor(session: Session, options: StreamOptions, serverTimeoutMs: number, clock: Clock) {
    this.#session = session
    this.#clock = clock
    this.connection = new RawConnection(session, options.readAheadBytes)
    this.#written = this.#flushed = 0n
    this.#heardAtMs = this.#readerBusyAtMs = clock.monotonicMs()
    this.#silenceMs = Math.max(2 * serverTimeoutMs, session.limits.streamMs)
    const third = serverTimeoutMs > 0 ? serverTimeoutMs / 3 : statusIntervalMaxMs
    this.#timer = setInterval(() => this.#tick(), Math.max(Math.min(third, statusIntervalMaxMs), 100))
  }

  static async open(
    access: ServerAccess,
    options: StreamOptions,
    clock: Clock,
    signal: AbortSignal,
  ): Promise<ReplicationSession> {
    const session = await Session.open(access, signal, { replication: true, use: 'reader' })
    try {
      const [setting] = await session.query<{ ms: string }>(
        "SELECT setting AS ms FROM pg_settings WHERE name = 'wal_sender_timeout'",
      )
      const stream = new ReplicationSession(session, options, Number(setting?.ms ?? 60_000), clock)
      await stream.#start(options).catch(async (error: unknown) => {
        await stream.close()
        throw error
      })
      return stream
    } catch (error) {
      await session.close()
      throw error
    }
  }

  /** Everything before is in the target: the server may forget it. */
  acknowledge(lsn: bigint): void {
    if (lsn <= this.#flushed) return
    this.#flushed = lsn
    if (this.#written < lsn) this.#written = lsn
    this.#sendStatus(false)
  }

  /** Everything before was received; told to the server, but it forgets nothing for it. */
  received(lsn: bigint): void {
    if (lsn > this.#written) this.#written = lsn
  }

  /** The server asked for a sign of life. */
  reply(): void {
    this.#sendStatus(false)
  }

  /** The reader took bytes. */
  heard(): void {
    this.#heardAtMs = this.#clock.monotonicMs()
  }

  async close(): Promise<void> {
    clearInterval(this.#timer)
    this.#sendStatus(false)
    this.connection.send(MessageType.copyDone, Buffer.alloc(0))
    await this.connection.close()
    await this.#session.close()
  }

  async #start({ slot, publication, from, binary }: StreamOptions): Promise<void> {
    const { connection } = this
    const options = [`proto_version '1'`, `publication_names '${quoteName(publication)}'`]
    if (binary) options.push(`binary 'true'`)
    connection.sendQuery(
      `START_REPLICATION SLOT ${quoteName(slot)} LOGICAL ${formatLsn(from)} (${options.join(', ')})`,
    )
    for (;;) {
      while (connection.framer.next()) {
        if (connection.framer.type === MessageType.copyBothResponse) return
        if (connection.framer.type === MessageType.errorResponse) throw connection.serverError()
      }
      if (!connection.fill()) await connection.wait(Infinity)
    }
  }

  #tick(): void {
    const nowMs = this.#clock.monotonicMs()
    if (this.connection.hasUnread) this.#readerBusyAtMs = nowMs
    const liveness = {
      heardAtMs: this.#heardAtMs,
      readerBusyAtMs: this.#readerBusyAtMs,
      timeoutMs: this.#silenceMs,
    }
    if (isSilent({ nowMs, ...liveness }))
      this.connection.giveUp('The server stopped answering on the replication stream')
    // Asking for a reply is what makes a quiet server speak, and tells how far its log has come.
    else this.#sendStatus(true)
  }

  #sendStatus(replyNow: boolean): void {
    const status = standbyStatus(this.#written, this.#flushed, this.#clock.nowMs(), replyNow)
    this.connection.send(MessageType.copyData, status)
  }
}
