// The files of a commit that is being made. Nothing of them is visible until the journal takes the commit.
// Uploads overlap with the encoding of further files, within a bound on bytes and on requests.
import { TransientError } from '#common/errors.ts'
import type { ObjectStore } from '#lake/storage/object-store.ts'
import type { WriteStat } from '#lake/timeline/commit-metadata.ts'

export interface StagedFile {
  stat: WriteStat
  kind: 'base' | 'log'
  /** Rows and deletes the file holds. */
  rows: number
  /** Where it is kept until the commit is taken, when that is not its path in the table. */
  aside?: string
}

/** Where the file's bytes are as long as the commit is in the making. */
export function storedAt({ stat, aside }: StagedFile): string {
  return aside ?? stat.path
}

const bytesInFlightMax = 32 << 20
const uploadsMax = 8

export class StagedFiles {
  readonly files: StagedFile[] = []
  readonly #store: ObjectStore
  readonly #uploads = new Set<Promise<void>>()
  #bytesInFlight = 0
  #failure: { error: unknown } | null = null

  constructor(store: ObjectStore) {
    this.#store = store
  }

  /** Begins to write a file; waits while too much is on its way. @throws the error of any earlier upload */
  async add(file: StagedFile, bytes: Uint8Array): Promise<void> {
    this.#throwFailure()
    this.files.push(file)
    this.#bytesInFlight += bytes.length
    const upload: Promise<void> = this.#store
      .put(storedAt(file), bytes)
      .catch((error: unknown) => {
        this.#failure ??= { error }
      })
      .finally(() => {
        this.#bytesInFlight -= bytes.length
        this.#uploads.delete(upload)
      })
    this.#uploads.add(upload)
    while (this.#uploads.size >= uploadsMax || this.#bytesInFlight > bytesInFlightMax)
      await Promise.race(this.#uploads)
    this.#throwFailure()
  }

  /** Takes in a file that was written already. */
  addStored(file: StagedFile): void {
    this.files.push(file)
  }

  /** Resolves when every file is stored. @throws the error of any upload */
  async settle(): Promise<void> {
    await Promise.all(this.#uploads)
    this.#throwFailure()
  }

  /** Removes what was written, unless the store is away: then cleaning does, and nobody need wait for it. */
  async discard(): Promise<void> {
    await Promise.all(this.#uploads)
    const failure = this.#failure?.error
    this.#failure = null
    const paths = this.files.splice(0).map(storedAt)
    const isAway = failure instanceof TransientError && failure.code === 'STORAGE_UNAVAILABLE'
    if (paths.length > 0 && !isAway) await this.#store.delete(paths)
  }

  #throwFailure(): void {
    if (this.#failure) throw this.#failure.error
  }
}
