// Keeps rows out of an append table that it has already: those whose columns say the same as a row that was
// committed within a window of time before. What the table has is read from the files of the commits in the window,
// so it holds across restarts; and the journal takes no two such commits that do not know of each other, so it holds
// for any number of writers. docs/exactly-once.md has the argument.
import type { ColumnVector } from '#catalog/column.ts'
import { isNull } from '#catalog/column.ts'
import { ConfigError, ConflictError, DataError } from '#common/errors.ts'
import type { Journal } from '#lake/journal/journal.ts'
import type { Step, StepResult } from '#lake/journal/step.ts'
import { openParquet } from '#lake/parquet/decode.ts'
import type { NamedVector } from '#lake/parquet/encode.ts'
import type { ObjectStore } from '#lake/storage/object-store.ts'
import { decodeCommitMetadata } from '#lake/timeline/commit-metadata.ts'
import type { InstantTime } from '#lake/timeline/instant.ts'
import { firstInstant, formatInstant, parseInstant } from '#lake/timeline/instant.ts'
import { loadTimeline } from '#lake/timeline/timeline.ts'
import { operationColumn } from './columns.ts'
import { HashTimes, RecentKeys } from '#lake/key/recent-keys.ts'
import type { RowHashes } from '#lake/key/row-hashes.ts'
import { hashWords, rowHashes } from '#lake/key/row-hashes.ts'

export interface DuplicatePolicy {
  /** As the table calls them. */
  columns: readonly string[]
  windowMs: number
  bytesMax: number
}

/** Stands for all keys of the table where commits are compared (clash.ts). */
const allKeys = 'all'
/** Replace commits hold rows of other commits, whose files outlast the window. */
const addingActions: ReadonlySet<string> = new Set(['commit', 'deltacommit'])

export class Duplicates {
  readonly #store: ObjectStore
  readonly #journal: Journal
  readonly #policy: DuplicatePolicy
  readonly #recent: RecentKeys
  /** Keys of the commit in the making. */
  #staged = new HashTimes()
  /** Commits whose keys are known. */
  readonly #seen = new Set<InstantTime>()
  /** Entry of the journal up to which all commits are known; −1: none is. */
  #knownSeq = -1
  #step: { given: Step; claimed: Step } | null = null
  /** Whether another writer committed a key of the commit in the making. */
  #isBeaten = false

  constructor(store: ObjectStore, journal: Journal, policy: DuplicatePolicy) {
    this.#store = store
    this.#journal = journal
    this.#policy = policy
    this.#recent = new RecentKeys(policy.windowMs)
  }

  /**
   * The rows to be kept of those to be staged under the instant; null: all.
   * @throws ConfigError DUPLICATES_MEMORY
   */
  async keep(
    columns: readonly NamedVector[],
    rows: number,
    instant: InstantTime,
  ): Promise<Int32Array | null> {
    const nowMs = parseInstant(instant)
    this.#recent.forget(nowMs)
    await this.#catchUp(instant)
    const hashes = this.#hashes(columns, rows)
    const kept = new Int32Array(rows)
    let count = 0
    for (let row = 0; row < rows; row++) {
      const at = row * hashWords
      if (hashes.unlike[row] === 0) {
        if (this.#staged.get(hashes.words, at) !== -1 || this.#recent.has(hashes.words, at, nowMs)) continue
        this.#staged.put(hashes.words, at, 0)
      }
      kept[count++] = row
    }
    this.#checkMemory()
    return count === rows ? null : kept.subarray(0, count)
  }

  /**
   * Takes the step, unless another writer committed one of its rows since.
   * @throws ConflictError COMMIT_CONFLICT then; and as Journal.commit() does
   */
  async commit(step: Step): Promise<StepResult> {
    for (;;) {
      if (this.#isBeaten) throw beaten(step)
      this.#step = this.#step?.given === step ? this.#step : { given: step, claimed: this.#claimed(step) }
      try {
        const result = await this.#journal.commit(this.#step.claimed)
        this.#knownSeq = result.seq
        this.#adopt(step.instant)
        return result
      } catch (error) {
        if (this.#journal.unsettled) throw error
        this.#step = null
        const isBehind = this.#journal.state.seq > this.#knownSeq
        if (!(error instanceof ConflictError) || !isBehind || step.instant === null) throw error
        await this.#catchUp(step.instant)
      }
    }
  }

  /** The commit in the making is dropped. */
  drop(): void {
    this.#staged = new HashTimes()
    this.#step = null
    this.#isBeaten = false
  }

  #claimed(step: Step): Step {
    const fileGroups = { ...step.fileGroups, distinct: [allKeys] }
    return { ...step, fileGroups, stagedAt: this.#knownSeq }
  }

  #adopt(instant: InstantTime | null): void {
    if (instant !== null) {
      const atMs = parseInstant(instant)
      this.#staged.each((words, at) => this.#recent.add(words, at, atMs))
      this.#seen.add(instant)
    }
    this.drop()
  }

  /** Reads the keys of commits not known yet. */
  async #catchUp(instant: InstantTime): Promise<void> {
    const { seq } = this.#journal.state
    if (seq === this.#knownSeq) return
    const from = formatInstant(
      Math.max(parseInstant(firstInstant), parseInstant(instant) - this.#policy.windowMs),
    )
    for (const old of this.#seen) if (old < from) this.#seen.delete(old)
    for (const { instant: time, state, action, path } of await loadTimeline(
      this.#store,
      this.#journal.layout,
      from,
    )) {
      if (state !== 'completed' || !addingActions.has(action) || this.#seen.has(time)) continue
      for (const file of await this.#filesOf(path)) await this.#read(file, parseInstant(time))
      this.#seen.add(time)
    }
    this.#knownSeq = seq
  }

  async #filesOf(path: string): Promise<string[]> {
    const bytes = await this.#store.get(path)
    if (bytes === null) throw gone(path)
    const { partitionToWriteStats } = decodeCommitMetadata(bytes, { path })
    return Object.values(partitionToWriteStats)
      .flat()
      .map(stat => stat.path)
      .filter(file => file.endsWith('.parquet'))
  }

  async #read(path: string, atMs: number): Promise<void> {
    const bytes = await this.#store.get(path)
    if (bytes === null) throw gone(path)
    const columns = [...this.#policy.columns, operationColumn, '_hoodie_commit_seqno']
    const file = await openParquet(bytes, { columns, context: { path } })
    for (const piece of file.slices()) {
      const { words, unlike } = this.#hashes(piece.columns, piece.rows)
      for (let row = 0; row < piece.rows; row++) {
        if (unlike[row] === 1) continue
        if (this.#staged.get(words, row * hashWords) !== -1) this.#isBeaten = true
        this.#recent.add(words, row * hashWords, atMs)
      }
      this.#checkMemory()
    }
  }

  #hashes(columns: readonly NamedVector[], rows: number): RowHashes {
    const vectorOf = (name: string): ColumnVector | null =>
      columns.find(column => column.name === name)?.vector ?? null
    const hashes = rowHashes(this.#policy.columns.map(vectorOf), rows)
    const operations = vectorOf(operationColumn)
    if (operations?.layout === 'binary')
      for (let row = 0; row < rows; row++) if (!isInsert(operations, row)) hashes.unlike[row] = 1
    return hashes
  }

  #checkMemory(): void {
    const { bytesMax, windowMs } = this.#policy
    const bytes = this.#recent.bytes + this.#staged.bytes
    if (bytes > bytesMax)
      throw new ConfigError(
        `The keys of the last ${windowMs / 60_000} minutes need ${bytes >> 20} MiB to be remembered, ${bytesMax >> 20} are allowed`,
        { code: 'DUPLICATES_MEMORY', context: { table: this.#store.url, bytes, bytesMax } },
      )
  }
}

/** A change that is no insert is told by the order of changes, not by its columns. */
function isInsert(operations: ColumnVector & { layout: 'binary' }, row: number): boolean {
  if (isNull(operations, row)) return true
  const { data, offsets } = operations
  return data[offsets[row]!] === 0x69
}

function beaten({ instant }: Step): ConflictError {
  const context = { instant }
  return new ConflictError('Another writer committed some of these rows', {
    code: 'COMMIT_CONFLICT',
    context,
  })
}

function gone(path: string): DataError {
  return new DataError('A file of the table is gone', { code: 'LAKE_FILE_CORRUPT', context: { path } })
}
