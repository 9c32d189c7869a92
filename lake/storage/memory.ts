// A store in memory, for tests and the simulation. Bytes are copied in and out, so that what a caller does to
// its buffer afterwards changes nothing.
import type { ObjectInfo, ObjectStore } from './object-store.ts'
import type { OpenStore } from './store-kind.ts'
import { comparePaths, joinPath } from './path-order.ts'
import type { TaggedObject, TaggedStore } from './tagged-store.ts'

export const openMemoryStore: OpenStore = () => Promise.resolve(new MemoryStore())

export class MemoryStore implements ObjectStore, TaggedStore {
  readonly url: string
  readonly #root: string
  readonly #objects: Map<string, Uint8Array>

  constructor(root = '', objects = new Map<string, Uint8Array>()) {
    this.#root = root === '' ? '' : `${root}/`
    this.#objects = objects
    this.url = `memory:${root}`
  }

  put(path: string, bytes: Uint8Array): Promise<void> {
    this.#objects.set(this.#root + path, bytes.slice())
    return Promise.resolve()
  }

  async putStream(path: string, chunks: AsyncIterable<Uint8Array>): Promise<void> {
    const gathered: Uint8Array[] = []
    for await (const chunk of chunks) gathered.push(chunk)
    await this.put(path, Buffer.concat(gathered))
  }

  copy(from: string, to: string): Promise<boolean> {
    const bytes = this.#objects.get(this.#root + from)
    if (bytes !== undefined) this.#objects.set(this.#root + to, bytes)
    return Promise.resolve(bytes !== undefined)
  }

  putIfAbsent(path: string, bytes: Uint8Array): Promise<boolean> {
    if (this.#objects.has(this.#root + path)) return Promise.resolve(false)
    this.#objects.set(this.#root + path, bytes.slice())
    return Promise.resolve(true)
  }

  getTagged(path: string): Promise<TaggedObject | null> {
    const bytes = this.#objects.get(this.#root + path)
    return Promise.resolve(bytes === undefined ? null : { bytes: bytes.slice(), tag: tagOf(bytes) })
  }

  async putTagged(path: string, bytes: Uint8Array, tag: string | null): Promise<string | null> {
    const there = this.#objects.get(this.#root + path)
    if ((there === undefined ? null : tagOf(there)) !== tag) return null
    await this.put(path, bytes)
    return tagOf(bytes)
  }

  get(path: string): Promise<Uint8Array | null> {
    return Promise.resolve(this.#objects.get(this.#root + path)?.slice() ?? null)
  }

  getRange(path: string, start: number, length: number): Promise<Uint8Array | null> {
    const bytes = this.#objects.get(this.#root + path)
    if (bytes === undefined) return Promise.resolve(null)
    const from = start < 0 ? Math.max(0, bytes.length + start) : start
    return Promise.resolve(bytes.slice(from, from + length))
  }

  async *list(prefix: string, startAfter?: string): AsyncIterable<ObjectInfo> {
    const from = this.#root + prefix
    const after = startAfter === undefined ? null : this.#root + startAfter
    const found: ObjectInfo[] = []
    for (const [path, bytes] of this.#objects)
      if (path.startsWith(from) && (after === null || comparePaths(path, after) > 0))
        found.push({ path: path.slice(this.#root.length), sizeBytes: bytes.length })
    yield* found.sort((a, b) => comparePaths(a.path, b.path))
  }

  delete(paths: readonly string[]): Promise<void> {
    for (const path of paths) this.#objects.delete(this.#root + path)
    return Promise.resolve()
  }

  at(prefix: string): MemoryStore {
    return new MemoryStore(joinPath(this.#root, prefix), this.#objects)
  }

  close(): Promise<void> {
    return Promise.resolve()
  }
}

function tagOf(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('base64')
}
