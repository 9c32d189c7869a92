// The objects of one kind as last seen, and the changes that each observation brought. Pure: reflector.ts feeds
// it. It forgives what real watches do: events told twice, told late, or a name that was deleted and made again
// between two looks (told as a deletion and an addition, never as an update: the uid is the identity).
import { isLaterVersion, objectKey } from './object.ts'
import type { KubeObject } from './object.ts'

export type Change<T> =
  | { type: 'added'; object: T }
  | { type: 'updated'; object: T; previous: T }
  | { type: 'deleted'; object: T }

/** Names an index and says under which values an object is found there. */
export type Indexers<T> = Readonly<Record<string, (object: T) => readonly string[]>>

/** Uids of deleted objects that are remembered, so that a late event does not bring one back. */
const tombstonesMax = 4096

export class ObjectCache<T extends KubeObject> {
  readonly #objects = new Map<string, T>()
  readonly #tombstones = new Set<string>()
  readonly #indexers: Indexers<T>
  readonly #indices = new Map<string, Map<string, Set<string>>>()

  constructor(indexers: Indexers<T> = {}) {
    this.#indexers = indexers
    for (const name of Object.keys(indexers)) this.#indices.set(name, new Map())
  }

  get(key: string): T | undefined {
    return this.#objects.get(key)
  }

  get size(): number {
    return this.#objects.size
  }

  values(): IterableIterator<T> {
    return this.#objects.values()
  }

  /** The objects found under a value of an index. */
  indexed(index: string, value: string): T[] {
    const keys = this.#indices.get(index)?.get(value) ?? []
    return [...keys].flatMap(key => this.#objects.get(key) ?? [])
  }

  /** Takes in an object that exists. */
  upsert(object: T): Change<T>[] {
    const key = objectKey(object)
    const uid = object.metadata.uid ?? ''
    const previous = this.#objects.get(key)
    if (this.#tombstones.has(uid)) return []
    if (previous === undefined) {
      this.#put(key, object)
      return [{ type: 'added', object }]
    }
    if (!isLaterVersion(object.metadata.resourceVersion, previous.metadata.resourceVersion)) return []
    if (previous.metadata.uid !== uid) {
      this.#take(key, previous)
      this.#put(key, object)
      return [
        { type: 'deleted', object: previous },
        { type: 'added', object },
      ]
    }
    this.#take(key, previous, false)
    this.#put(key, object)
    return [{ type: 'updated', object, previous }]
  }

  /** Takes in that an object is gone. */
  remove(object: T): Change<T>[] {
    const key = objectKey(object)
    const previous = this.#objects.get(key)
    if (previous === undefined || previous.metadata.uid !== object.metadata.uid) {
      this.#bury(object)
      return []
    }
    this.#take(key, previous)
    return [{ type: 'deleted', object }]
  }

  /** Takes in a complete list: what is not on it is gone. */
  replace(objects: readonly T[]): Change<T>[] {
    const listed = new Set(objects.map(objectKey))
    const gone = [...this.#objects].filter(([key]) => !listed.has(key))
    const deletions = gone.map(([key, object]): Change<T> => {
      this.#take(key, object)
      return { type: 'deleted', object }
    })
    return [...deletions, ...objects.flatMap(object => this.upsert(object))]
  }

  #put(key: string, object: T): void {
    this.#objects.set(key, object)
    for (const [name, valuesOf] of Object.entries(this.#indexers)) {
      const index = this.#indices.get(name)
      for (const value of valuesOf(object)) {
        const keys = index?.get(value)
        if (keys === undefined) index?.set(value, new Set([key]))
        else keys.add(key)
      }
    }
  }

  #take(key: string, object: T, bury = true): void {
    this.#objects.delete(key)
    if (bury) this.#bury(object)
    for (const [name, valuesOf] of Object.entries(this.#indexers)) {
      const index = this.#indices.get(name)
      for (const value of valuesOf(object)) {
        const keys = index?.get(value)
        keys?.delete(key)
        if (keys?.size === 0) index?.delete(value)
      }
    }
  }

  #bury(object: T): void {
    if (object.metadata.uid === undefined) return
    this.#tombstones.add(object.metadata.uid)
    if (this.#tombstones.size > tombstonesMax)
      for (const oldest of this.#tombstones) {
        this.#tombstones.delete(oldest)
        break
      }
  }
}
