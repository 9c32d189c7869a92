// Hudi's storage-based lock (RFC-91, class StorageBasedLockProvider, Hudi 1.1 and later): one object beside the
// timeline, changed by conditional writes alone, which says who may change the table and until when. Java writers that
// are configured for it take it around each state change of an instant, and so do we around a claim and its instant.
//
//   .hoodie/.locks/table_lock.json   {"expired":false,"validUntil":<ms since the epoch>,"owner":"<uuid>"}
//
// Absent, expired, or past `validUntil` by more than the clock drift: free. It is given back as `expired`, not removed.
import type { Clock } from '#common/clock.ts'
import { ConfigError, ConflictError, DataError, TransientError } from '#common/errors.ts'
import { nextDelayMs } from '#common/retry.ts'
import type { ObjectStore } from '#lake/storage/object-store.ts'
import type { TaggedObject, TaggedStore } from '#lake/storage/tagged-store.ts'
import { taggedStore } from '#lake/storage/tagged-store.ts'

export const lockPath = '.hoodie/.locks/table_lock.json'

/** Java's writers hold theirs for five minutes at a time. Ours dies with us, and then others wait no longer than this. */
const validityMs = 60_000
const renewalMs = 10_000
/** As in Java: by how much the clocks of two writers may differ. */
const clockDriftMs = 500
/** Nothing is begun under the lock that may take longer than what is left of it. */
const remainingMsMin = 20_000
const waitMsMax = 60_000
const waitPolicy = { firstMs: 50, maxMs: 1_000, tries: Infinity }

interface LockFile {
  expired: boolean
  validUntil: number
  owner: string
}

export interface HeldLock {
  /** @throws ConflictError COMMIT_CONFLICT when the lock may be another's by now */
  assertHeld(): void
}

export class StorageLock {
  readonly #store: TaggedStore
  readonly #clock: Clock
  readonly #owner: string

  private constructor(store: TaggedStore, clock: Clock) {
    this.#store = store
    this.#clock = clock
    this.#owner = clock.uuid()
  }

  /** @throws ConfigError LAKE_LOCK_UNSUPPORTED when there can be no such lock in the store */
  static of(store: ObjectStore, clock: Clock): StorageLock {
    const tagged = taggedStore(store)
    if (tagged !== null) return new StorageLock(tagged, clock)
    throw new ConfigError(`There can be no lock for several engines in ${store.url}`, {
      code: 'LAKE_LOCK_UNSUPPORTED',
      context: { table: store.url },
    })
  }

  /**
   * Does the work while holding the lock.
   * @throws TransientError LAKE_LOCK_HELD when another writer does not let go of it
   */
  async hold<T>(signal: AbortSignal, work: (lock: HeldLock) => Promise<T>): Promise<T> {
    const lease = await this.#acquire(signal)
    const ended = new AbortController()
    const renewing = this.#renew(lease, ended.signal)
    try {
      return await work({ assertHeld: () => this.#assertHeld(lease) })
    } finally {
      ended.abort()
      await renewing
      // What cannot be given back expires.
      if (lease.tag !== null) await this.#put(lease, true).catch(() => undefined)
    }
  }

  async #acquire(signal: AbortSignal): Promise<Lease> {
    const startedMs = this.#clock.monotonicMs()
    for (let delayMs = 0; ;) {
      signal.throwIfAborted()
      const there = await this.#store.getTagged(lockPath)
      const holder = there && decodeLock(there)
      if (there === null || holder === null || this.#isFree(holder)) {
        const lease: Lease = { tag: there?.tag ?? null, validUntil: 0 }
        if (await this.#put(lease, false)) return lease
      }
      if (this.#clock.monotonicMs() - startedMs > waitMsMax)
        throw new TransientError(`Another writer holds the lock of the table: ${holder?.owner}`, {
          code: 'LAKE_LOCK_HELD',
          context: { owner: holder?.owner, validUntil: holder?.validUntil },
        })
      delayMs = nextDelayMs(waitPolicy, delayMs, this.#clock.random())
      await this.#clock.sleep(delayMs, signal)
    }
  }

  /** It is also free for us when it is ours already: the answer to our request was lost. */
  #isFree({ expired, validUntil, owner }: LockFile): boolean {
    return expired || owner === this.#owner || this.#clock.nowMs() > validUntil + clockDriftMs
  }

  /** Writes the lock as ours, on top of what the lease last saw. False: another writer was faster. */
  async #put(lease: Lease, expired: boolean): Promise<boolean> {
    const validUntil = expired ? lease.validUntil : this.#clock.nowMs() + validityMs
    const file: LockFile = { expired, validUntil, owner: this.#owner }
    const bytes = Buffer.from(JSON.stringify(file))
    let tag = await this.#store.putTagged(lockPath, bytes, lease.tag)
    if (tag === null && lease.validUntil > 0) {
      // Not what we last saw of it: another's, or our own renewal whose answer was lost.
      const there = await this.#store.getTagged(lockPath)
      if (there !== null && decodeLock(there).owner === this.#owner)
        tag = await this.#store.putTagged(lockPath, bytes, there.tag)
    }
    lease.tag = tag
    if (tag !== null) lease.validUntil = validUntil
    return tag !== null
  }

  async #renew(lease: Lease, ended: AbortSignal): Promise<void> {
    for (;;) {
      await this.#clock.sleep(renewalMs, ended)
      if (ended.aborted || lease.tag === null) return
      // Without an answer it may be renewed or not: assertHeld() goes by the time that is certain.
      await this.#put(lease, false).catch(() => undefined)
    }
  }

  #assertHeld({ tag, validUntil }: Lease): void {
    if (tag !== null && this.#clock.nowMs() + remainingMsMin < validUntil) return
    throw new ConflictError('The lock of the table was lost', {
      code: 'COMMIT_CONFLICT',
      context: { validUntil },
    })
  }
}

interface Lease {
  /** Of the lock file as we last wrote or saw it; null: there is none, or it is another's. */
  tag: string | null
  /** ms since the epoch. */
  validUntil: number
}

function decodeLock({ bytes }: TaggedObject): LockFile {
  try {
    return JSON.parse(Buffer.from(bytes).toString('utf8')) as LockFile
  } catch (cause) {
    throw new DataError(`${lockPath} is no JSON`, { code: 'LAKE_FILE_CORRUPT', cause })
  }
}
