// A store on another one that lets something happen before its requests.
import { MemoryStore } from '#lake/storage/memory.ts'

export class HookedStore extends MemoryStore {
  requests = 0
  /** Before each request. */
  before: () => void | Promise<void> = () => undefined
  /** Before an object is put, also if absent. */
  beforePut: (path: string, bytes: Uint8Array) => void | Promise<void> = () => undefined
  readonly #inner: MemoryStore

  constructor(inner: MemoryStore) {
    super()
    this.#inner = inner
  }

  async #request(): Promise<void> {
    this.requests++
    await this.before()
  }

  override async put(path: string, bytes: Uint8Array): Promise<void> {
    await this.#request()
    await this.beforePut(path, bytes)
    await this.#inner.put(path, bytes)
  }

  override async copy(from: string, to: string): Promise<boolean> {
    await this.#request()
    await this.beforePut(to, new Uint8Array(0))
    return this.#inner.copy(from, to)
  }

  override async putIfAbsent(path: string, bytes: Uint8Array): Promise<boolean> {
    await this.#request()
    await this.beforePut(path, bytes)
    return this.#inner.putIfAbsent(path, bytes)
  }

  override async get(path: string): Promise<Uint8Array | null> {
    await this.#request()
    return this.#inner.get(path)
  }

  override async getRange(path: string, start: number, length: number): Promise<Uint8Array | null> {
    await this.#request()
    return this.#inner.getRange(path, start, length)
  }

  override async *list(prefix: string, startAfter?: string): ReturnType<MemoryStore['list']> {
    await this.#request()
    yield* this.#inner.list(prefix, startAfter)
  }

  override async delete(paths: readonly string[]): Promise<void> {
    await this.#request()
    await this.#inner.delete(paths)
  }
}
