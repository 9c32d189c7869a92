// A store that fails at a chosen call, and from then on at every call until it is healed: an outage. The calls are
// counted over the store and all stores below it.
import type { SyncError } from '#common/errors.ts'
import { ConfigError, TransientError } from '#common/errors.ts'
import type { ObjectInfo, ObjectStore } from '#lake/storage/object-store.ts'

export type Outage =
  /** Requests do not arrive. */
  | 'unreachable'
  /** The first request takes effect and its answer is lost; later ones do not arrive. */
  | 'answer lost'
  /** The credentials are refused. */
  | 'denied'
  /** There is no room: nothing can be written, all can be read and removed. */
  | 'full'

export interface FailureState {
  calls: number
  /** The call to fail at, from 0; null: none. */
  failAt: number | null
  isDown: boolean
  /** What the call was that failed first, for messages. */
  failed: string | null
}

type Kind = 'read' | 'write' | 'delete'

export class FailingStore implements ObjectStore {
  readonly #inner: ObjectStore
  readonly #outage: Outage
  readonly #state: FailureState

  constructor(
    inner: ObjectStore,
    outage: Outage,
    state: FailureState = { calls: 0, failAt: null, isDown: false, failed: null },
  ) {
    this.#inner = inner
    this.#outage = outage
    this.#state = state
  }

  get url(): string {
    return this.#inner.url
  }

  get calls(): number {
    return this.#state.calls
  }

  /** The first call that failed; null when none has. */
  get failed(): string | null {
    return this.#state.failed
  }

  failAt(call: number): void {
    this.#state.failAt = call
  }

  heal(): void {
    this.#state.isDown = false
  }

  put(path: string, bytes: Uint8Array): Promise<void> {
    return this.#call('write', `put ${path}`, () => this.#inner.put(path, bytes))
  }

  putStream(path: string, chunks: AsyncIterable<Uint8Array>): Promise<void> {
    const what = `putStream ${path}`
    return this.#call('write', what, () => this.#inner.putStream(path, this.#flowing(what, chunks)))
  }

  /** The chunks, until an outage begins in the middle of them. */
  async *#flowing(what: string, chunks: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
    for await (const chunk of chunks) {
      await this.#call('write', `${what} (a chunk)`, () => Promise.resolve())
      yield chunk
    }
  }

  copy(from: string, to: string): Promise<boolean> {
    return this.#call('write', `copy ${from} ${to}`, () => this.#inner.copy(from, to))
  }

  putIfAbsent(path: string, bytes: Uint8Array): Promise<boolean> {
    return this.#call('write', `putIfAbsent ${path}`, () => this.#inner.putIfAbsent(path, bytes))
  }

  get(path: string): Promise<Uint8Array | null> {
    return this.#call('read', `get ${path}`, () => this.#inner.get(path))
  }

  getRange(path: string, start: number, length: number): Promise<Uint8Array | null> {
    return this.#call('read', `getRange ${path}`, () => this.#inner.getRange(path, start, length))
  }

  /** A listing is lost as a whole or after its first half. */
  async *list(prefix: string, startAfter?: string): AsyncIterable<ObjectInfo> {
    const found: ObjectInfo[] = []
    let failure: unknown = null
    const read = async (): Promise<void> => {
      for await (const info of this.#inner.list(prefix, startAfter)) found.push(info)
    }
    await this.#call('read', `list ${prefix}`, read).catch((error: unknown) => {
      failure = error
    })
    if (failure === null) yield* found
    else {
      yield* found.slice(0, found.length / 2)
      throw failure
    }
  }

  delete(paths: readonly string[]): Promise<void> {
    return this.#call('delete', `delete ${paths.join(' ')}`, () => this.#inner.delete(paths))
  }

  at(prefix: string): ObjectStore {
    return new FailingStore(this.#inner.at(prefix), this.#outage, this.#state)
  }

  close(): Promise<void> {
    return Promise.resolve()
  }

  async #call<T>(kind: Kind, what: string, effect: () => Promise<T>): Promise<T> {
    const state = this.#state
    const isFirst = state.calls++ === state.failAt
    state.isDown ||= isFirst
    if (!state.isDown || (this.#outage === 'full' && kind !== 'write')) return effect()
    state.failed ??= what
    if (isFirst && this.#outage === 'answer lost') await effect()
    throw errorOf(this.#outage, what)
  }
}

function errorOf(outage: Outage, what: string): SyncError {
  if (outage === 'denied') return new ConfigError(`${what}: refused`, { code: 'STORAGE_DENIED' })
  const code = outage === 'full' ? 'STORAGE_FULL' : 'STORAGE_UNAVAILABLE'
  return new TransientError(`${what}: ${outage}`, { code })
}
