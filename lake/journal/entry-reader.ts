// Reads entries of the journal, and remembers the latest of them without the bodies of their instants.
import type { HashedEntry } from './entry.ts'
import { decodeEntry, entryPath } from './entry.ts'
import { conflict } from './step.ts'
import type { ObjectStore } from '#lake/storage/object-store.ts'
import type { InstantTime } from '#lake/timeline/instant.ts'

const parallelReads = 16
export const rememberedEntries = 512

export class EntryReader {
  readonly #store: ObjectStore
  readonly #entries = new Map<number, HashedEntry>()
  readonly #instants = new Set<InstantTime>()

  constructor(store: ObjectStore) {
    this.#store = store
  }

  /** The entry of that number, or null when there is none (it was trimmed). */
  async get(seq: number): Promise<HashedEntry | null> {
    const known = this.#entries.get(seq)
    if (known !== undefined) return known
    const bytes = await this.#store.get(entryPath(seq))
    if (bytes === null) return null
    const read = decodeEntry(bytes, seq)
    this.add(read)
    return read
  }

  /** The entries after one up to another, if they are an unbroken chain. @throws ConflictError COMMIT_CONFLICT */
  async between(seq: number, last: number): Promise<HashedEntry[]> {
    const chain: HashedEntry[] = []
    for (let from = seq + 1; from <= last; from += parallelReads) {
      const count = Math.min(parallelReads, last - from + 1)
      const read = await Promise.all(Array.from({ length: count }, (_, i) => this.get(from + i)))
      for (const at of read) {
        const before = chain.at(-1)
        if (at === null || (before !== undefined && at.entry.predecessor !== before.hash))
          throw conflict('Staged so long ago that what was done since is no longer known', { stagedAt: seq })
        chain.push(at)
      }
    }
    return chain
  }

  add({ entry, hash }: HashedEntry): void {
    const instant = entry.instant && { ...entry.instant, body: '' }
    this.#entries.set(entry.seq, { entry: { ...entry, instant }, hash })
    if (instant !== null) this.#instants.add(instant.time)
    if (this.#entries.size <= rememberedEntries) return
    const [oldest, forgotten] = this.#entries.entries().next().value!
    this.#entries.delete(oldest)
    if (forgotten.entry.instant !== null) this.#instants.delete(forgotten.entry.instant.time)
  }

  /** Whether the instant is one of an entry that is remembered. */
  hasInstant(instant: InstantTime): boolean {
    return this.#instants.has(instant)
  }
}
