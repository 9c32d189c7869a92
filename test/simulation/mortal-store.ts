// A store as a process sees it that dies at one of its calls: before the call has an effect, or after it had one and
// before the answer. A dead process calls no more.
import type { MemoryStore } from '#lake/storage/memory.ts'
import type { ObjectInfo, ObjectStore } from '#lake/storage/object-store.ts'

class Died extends Error {}

export class MortalStore implements ObjectStore {
  readonly url = 'memory:'
  readonly #truth: MemoryStore
  readonly #death: { call: number; effect: 'before' | 'after' } | null
  /** Runs after each change. */
  readonly #onChange: (path: string) => Promise<void>
  calls = 0
  #isDead = false

  constructor(
    truth: MemoryStore,
    death: { call: number; effect: 'before' | 'after' } | null,
    onChange: (path: string) => Promise<void>,
  ) {
    this.#truth = truth
    this.#death = death
    this.#onChange = onChange
  }

  put(path: string, bytes: Uint8Array): Promise<void> {
    return this.#change(path, () => this.#truth.put(path, bytes))
  }
  async putStream(path: string, chunks: AsyncIterable<Uint8Array>): Promise<void> {
    const gathered: Uint8Array[] = []
    for await (const chunk of chunks) gathered.push(chunk)
    await this.put(path, Buffer.concat(gathered))
  }
  copy(from: string, to: string): Promise<boolean> {
    return this.#change(to, () => this.#truth.copy(from, to))
  }
  putIfAbsent(path: string, bytes: Uint8Array): Promise<boolean> {
    return this.#change(path, () => this.#truth.putIfAbsent(path, bytes))
  }
  delete(paths: readonly string[]): Promise<void> {
    return this.#change(paths[0] ?? '', () => this.#truth.delete(paths))
  }
  get(path: string): Promise<Uint8Array | null> {
    return this.#call(() => this.#truth.get(path))
  }
  getRange(path: string, start: number, length: number): Promise<Uint8Array | null> {
    return this.#call(() => this.#truth.getRange(path, start, length))
  }
  async *list(prefix: string, startAfter?: string): AsyncIterable<ObjectInfo> {
    yield* await this.#call(async () => {
      const listed: ObjectInfo[] = []
      for await (const info of this.#truth.list(prefix, startAfter)) listed.push(info)
      return listed
    })
  }
  at(): ObjectStore {
    return this
  }
  close(): Promise<void> {
    return Promise.resolve()
  }

  #change<T>(path: string, effect: () => Promise<T>): Promise<T> {
    return this.#call(async () => {
      const result = await effect()
      await this.#onChange(path)
      return result
    })
  }

  async #call<T>(effect: () => Promise<T>): Promise<T> {
    if (this.#isDead) throw new Died()
    const isLast = ++this.calls === this.#death?.call
    if (isLast) this.#isDead = true
    if (isLast && this.#death?.effect === 'before') throw new Died()
    const result = await effect()
    if (isLast) throw new Died()
    return result
  }
}

/** Whether the work ended with a death of its store. Rejects with any other error. */
export async function diedOf(work: Promise<unknown>): Promise<boolean> {
  try {
    await work
    return false
  } catch (error) {
    if (error instanceof Died) return true
    throw error
  }
}
