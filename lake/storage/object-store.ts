// All storage of the lake behind one small interface. Correctness rests on one primitive: putIfAbsent, which
// exactly one of any number of racing callers wins. Every implementation passes test/contract/object-store.ts.

export interface ObjectInfo {
  /** Path relative to the store's root, `/`-separated, no leading slash. */
  path: string
  sizeBytes: number
  /** When it was written, by the store's clock (ms since the epoch, perhaps to the second); for stores that tell. */
  modifiedAtMs?: number
}

export interface ObjectStore {
  /** The root as users write it: `file:///var/lake`, `s3://bucket/prefix`, `memory:`. */
  readonly url: string
  /** Creates or replaces; readers see the old bytes or all of the new ones. */
  put(path: string, bytes: Uint8Array): Promise<void>
  /**
   * As put, for an object that is made bit by bit: a bounded number of bytes is held, and nothing is visible before
   * the last chunk came. When `chunks` throws, so does this, the same error, and nothing is left behind. Chunks must
   * not be changed after they were handed over.
   */
  putStream(path: string, chunks: AsyncIterable<Uint8Array>): Promise<void>
  /** Puts the object of one path at another one too, within the store. False: there is none. */
  copy(from: string, to: string): Promise<boolean>
  /** Creates only if nothing is there. True: this call made it. False: it existed (whatever its content). */
  putIfAbsent(path: string, bytes: Uint8Array): Promise<boolean>
  /** The object's bytes, or null when there is none. */
  get(path: string): Promise<Uint8Array | null>
  /** `length` bytes from `start`; a negative start counts from the end. Null when there is no object. */
  getRange(path: string, start: number, length: number): Promise<Uint8Array | null>
  /** Every object whose path starts with the prefix, in ascending byte order of path, after `startAfter` when given. */
  list(prefix: string, startAfter?: string): AsyncIterable<ObjectInfo>
  /** Removes objects; those that are not there do not matter. */
  delete(paths: readonly string[]): Promise<void>
  /**
   * Removes what writes that began before this moment (ms since the epoch) and never ended left where no listing shows
   * it: temporary files, parts of uploads. A store where such a thing cannot be, or goes by itself, has no such call.
   */
  removeUnfinished?(beforeMs: number): Promise<void>
  /** A store rooted at a folder of this one; it works until this one is closed. */
  at(prefix: string): ObjectStore
  close(): Promise<void>
}
// Errors: TransientError STORAGE_UNAVAILABLE (5xx, 429/503 SlowDown after the client's own retries, time-outs),
// ConfigError STORAGE_DENIED (403, EACCES, expired credentials), STORAGE_NOT_FOUND (no such bucket),
// STORAGE_REGION_WRONG, STORAGE_TLS_FAILED, STORAGE_NO_CONDITIONAL_PUT; each call ends in bounded time,
// TransientError STORAGE_FULL (ENOSPC, EDQUOT: nothing of the object is left behind).
