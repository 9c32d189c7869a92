// The main thread's side of a lane.
import { Worker } from 'node:worker_threads'
import type { FromLane, Grant, LaneData, ToLane } from './lane-protocol.ts'

/** A thread that loads a lane's code while it is not known yet what the lane will do. It keeps no process alive. */
let spare: Worker | null = null

/** Has the code of the first lane loaded while the main thread finds out what there is to do. */
export function prepareLane(): void {
  spare ??= newThread()
  spare.unref()
}

function newThread(): Worker {
  return new Worker(new URL('./lane-thread-entry.ts', import.meta.url))
}

/** A lane as the main thread knows it. */
export type LaneHandle = Pick<LaneThread, 'give' | 'stop'>

export class LaneThread {
  readonly #thread: Worker
  readonly #exited: Promise<void>

  constructor(data: LaneData, onMessage: (message: FromLane) => void, onCrash: (error: Error) => void) {
    this.#thread = spare ?? newThread()
    spare = null
    this.#thread.ref()
    this.#thread.on('message', onMessage)
    this.#thread.on('error', error => onCrash(error instanceof Error ? error : new Error(String(error))))
    this.#exited = new Promise(resolve => this.#thread.once('exit', () => resolve()))
    this.#send({ kind: 'start', data })
  }

  give(grant: Grant): void {
    this.#send({ kind: 'grant', grant })
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
