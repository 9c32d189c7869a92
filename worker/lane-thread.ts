// The main thread's side of a lane.
import { Worker } from 'node:worker_threads'
import type { FromLane, Grant, LaneData, ToLane } from './lane-protocol.ts'

export class LaneThread {
  readonly #thread: Worker
  readonly #exited: Promise<void>
  #grant: Grant | null = null

  constructor(data: LaneData, onMessage: (message: FromLane) => void, onCrash: (error: Error) => void) {
    this.#thread = new Worker(new URL('./lane-thread-entry.ts', import.meta.url), { workerData: data })
    this.#thread.on('message', onMessage)
    this.#thread.on('error', error => onCrash(error instanceof Error ? error : new Error(String(error))))
    this.#exited = new Promise(resolve => this.#thread.once('exit', () => resolve()))
  }

  /** The grant the lane works on, or null after it failed or finished. */
  get grant(): Grant | null {
    return this.#grant
  }

  give(grant: Grant): void {
    this.#grant = grant
    this.#send({ kind: 'grant', grant })
  }

  /** The lane ended this grant by itself. Returns it, or null when another has been given meanwhile. */
  ended(id: number): Grant | null {
    const grant = this.#grant
    if (grant?.id !== id) return null
    this.#grant = null
    return grant
  }

  /** Lets the lane commit what it read, then end; after the deadline it is ended for it. */
  async stop(deadlineMs: number): Promise<void> {
    this.#send({ kind: 'stop' })
    const timer = setTimeout(() => void this.#thread.terminate(), deadlineMs)
    await this.#exited
    clearTimeout(timer)
  }

  #send(message: ToLane): void {
    this.#thread.postMessage(message)
  }
}
