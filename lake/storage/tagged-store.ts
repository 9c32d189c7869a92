// What a lock in a store needs beyond create-if-absent: replacing an object only as long as it is the one that was
// read. Object stores do it by ETags (`If-Match`); a folder cannot, and Hudi's lock does not live in folders either.
import type { ObjectStore } from './object-store.ts'

export interface TaggedObject {
  bytes: Uint8Array
  /** Changes whenever the object does. */
  tag: string
}

export interface TaggedStore {
  getTagged(path: string): Promise<TaggedObject | null>
  /**
   * Replaces the object that has the tag, or creates it when the tag is null and there is none. Returns the new
   * object's tag; null when there was another object. Different writers must never put the same bytes.
   */
  putTagged(path: string, bytes: Uint8Array, tag: string | null): Promise<string | null>
}

/** The store's conditional replacement, or null when it has none. */
export function taggedStore(store: ObjectStore): TaggedStore | null {
  return 'putTagged' in store && 'getTagged' in store ? (store as ObjectStore & TaggedStore) : null
}
