// A connection whose messages we read ourselves. `pg` parses every message into an object and an event; here a
// decoder gets the bytes in place. Received buffers queue up to a bound, then the socket is paused, so that a
// slow reader slows the server down.
import { TransientError } from '#common/errors.ts'
import { MessageFramer } from './message-framer.ts'
import type { Session } from './session.ts'

export const MessageType = {
  copyBothResponse: 0x57, // W
  copyData: 0x64, // d
  copyDone: 0x63, // c
  dataRow: 0x44, // D
  errorResponse: 0x45, // E
  query: 0x51, // Q
  readyForQuery: 0x5a, // Z
  terminate: 0x58, // X
} as const

/** How long the server may take to end its side. */
const politeMs = 1000

export class RawConnection {
  readonly framer = new MessageFramer()
  readonly #session: Session
  readonly #readAheadBytes: number
  readonly #queue: Buffer[] = []
  #queuedBytes = 0
  #head = 0
  #failure: unknown = null
  #wake: () => void = () => undefined

  /** Takes the socket over; the session answers no more queries. */
  constructor(session: Session, readAheadBytes: number) {
    this.#session = session
    this.#readAheadBytes = readAheadBytes
    const { socket } = session
    socket.removeAllListeners('data')
    socket.on('data', (received: Buffer) => this.#received(received))
    socket.on('error', error => this.#fail(error))
    socket.on('close', () => this.#fail(new Error('The connection was closed by the server')))
  }

  /** True while the reader has to catch up: silence of the server then means nothing. */
  get hasUnread(): boolean {
    return this.#queuedBytes > 0
  }

  /** Feeds the framer what was received; false when there is nothing. */
  fill(): boolean {
    const received = this.#queue[this.#head]
    if (!received) return false
    this.#head++
    if (this.#head === this.#queue.length) {
      this.#queue.length = 0
      this.#head = 0
    } else if (this.#head === 256) {
      this.#queue.splice(0, this.#head)
      this.#head = 0
    }
    this.#queuedBytes -= received.length
    if (this.#queuedBytes <= this.#readAheadBytes / 2 && this.#session.socket.isPaused())
      this.#session.socket.resume()
    this.framer.push(received)
    return true
  }

  /** Waits until there is something to fill with, or the time is over. @throws when the connection failed */
  async wait(timeoutMs: number): Promise<void> {
    if (this.hasUnread) return
    if (this.#failure !== null) throw this.#session.explain(this.#failure)
    let timer: NodeJS.Timeout | undefined
    await new Promise<void>(resolve => {
      this.#wake = resolve
      if (timeoutMs < Infinity) timer = setTimeout(resolve, Math.max(timeoutMs, 0))
    })
    clearTimeout(timer)
    if (this.#failure !== null && !this.hasUnread) throw this.#session.explain(this.#failure)
  }

  /** Waits until there is something to fill with. @throws TransientError SOURCE_UNREACHABLE when nothing comes in time */
  async expect(limitMs: number): Promise<void> {
    await this.wait(limitMs)
    if (!this.hasUnread) this.giveUp(`The server sent nothing for ${limitMs} ms`)
    await this.wait(0)
  }

  /** Sends a message: its type and its body. */
  send(type: number, body: Uint8Array): void {
    const { socket } = this.#session
    if (!socket.writable) return
    const header = Buffer.allocUnsafe(5)
    header[0] = type
    header.writeInt32BE(4 + body.length, 1)
    socket.write(Buffer.concat([header, body]))
  }

  /** Sends a simple query; its answer comes through the framer. */
  sendQuery(sql: string): void {
    this.send(MessageType.query, Buffer.from(`${sql}\0`))
  }

  /** The current message, an ErrorResponse, as one of our errors. */
  serverError(): unknown {
    const { bytes, start, end } = this.framer
    return this.#session.explain(parseErrorResponse(bytes.subarray(start, end)))
  }

  /** Makes the next wait() throw. */
  giveUp(message: string): void {
    this.#fail(new TransientError(message, { code: 'SOURCE_UNREACHABLE' }))
    this.#session.socket.destroy()
  }

  /** Ends the connection at once, also in the middle of what the server sends. */
  abandon(): void {
    this.#session.socket.destroy()
  }

  /** Ends the connection so that the server notices now, not at its next attempt to send. What it still sends is dropped. */
  async close(): Promise<void> {
    const { socket } = this.#session
    const closed = new Promise<void>(resolve => socket.once('close', () => resolve()))
    socket.removeAllListeners('data')
    this.send(MessageType.terminate, Buffer.alloc(0))
    socket.end()
    socket.resume()
    const timer = setTimeout(() => socket.destroy(), politeMs)
    if (!socket.destroyed) await closed
    clearTimeout(timer)
  }

  #received(received: Buffer): void {
    this.#queue.push(received)
    this.#queuedBytes += received.length
    if (this.#queuedBytes >= this.#readAheadBytes) this.#session.socket.pause()
    this.#wake()
  }

  #fail(error: unknown): void {
    this.#failure ??= error
    this.#wake()
  }
}

/**
 *   ErrorResponse ::= (field:Byte1 value:String)* 0      M message, C SQLSTATE, D detail, H hint
 */
function parseErrorResponse(body: Buffer): Error {
  const fields = new Map<string, string>()
  for (let at = 0; at < body.length && body[at] !== 0;) {
    const end = body.indexOf(0, at + 1)
    fields.set(String.fromCharCode(body[at]!), body.toString('utf8', at + 1, end))
    at = end + 1
  }
  const error = new Error(fields.get('M') ?? 'unknown server error')
  return Object.assign(error, { code: fields.get('C'), detail: fields.get('D'), hint: fields.get('H') })
}
