// What a writer must know of each file group to add to it: whether it exists, and which slice a log file changes.
// A writer knows what it saw when it last listed the table, and its own commits since.
import type { InstantTime } from '#lake/timeline/instant.ts'
import { bucketFileId } from '#lake/key/bucket.ts'
import { fileGroupKey, newFileId } from './names.ts'
import type { PendingCommit } from './pending-commit.ts'
import type { TableFiles } from './table-files.ts'
import type { Clock } from '#common/clock.ts'

/** The file id of a bucket begins with its number, in so many digits. */
const bucketDigits = 8

export interface SliceHead {
  baseInstant: InstantTime
  /** Name of the base file, '' when the slice has none. */
  baseFile: string
  /** The highest version of its log files, by which table version 6 orders them; 0 without any. */
  logVersion: number
}

export class SliceHeads {
  readonly #heads = new Map<string, SliceHead>()
  /** Partition and bucket -> the id of its file group. */
  readonly #fileIds = new Map<string, string>()
  readonly #files: TableFiles
  readonly #clock: Clock

  constructor(files: TableFiles, clock: Clock) {
    this.#files = files
    this.#clock = clock
    for (const { partitionPath, fileId, baseInstant, base, logs } of files.slices) {
      const logVersion = logs.reduce((highest, { version }) => Math.max(highest, version), 0)
      const head = { baseInstant, baseFile: base?.name ?? '', logVersion }
      this.#heads.set(fileGroupKey(partitionPath, fileId), head)
      this.#fileIds.set(fileGroupKey(partitionPath, fileId.slice(0, bucketDigits)), fileId)
    }
  }

  /**
   * The file group of a bucket: the one there is, which another engine may have named, or the one to make. An id that
   * was retired (by INSERT OVERWRITE, for one) is never taken again: readers leave out whatever is in its group.
   */
  fileId(partitionPath: string, bucket: number): string {
    const fixed = bucketFileId(bucket, partitionPath)
    const place = fileGroupKey(partitionPath, fixed.slice(0, bucketDigits))
    const known = this.#fileIds.get(place)
    if (known !== undefined) return known
    const fileId = this.#isRetired(partitionPath, fixed)
      ? fixed.slice(0, bucketDigits) + newFileId(this.#clock).slice(bucketDigits)
      : fixed
    this.#fileIds.set(place, fileId)
    return fileId
  }

  /** Whether rows of its bucket may still go to a file group that fileId() gave for an earlier state of the table. */
  isCurrent(partitionPath: string, fileId: string): boolean {
    const known = this.#fileIds.get(fileGroupKey(partitionPath, fileId.slice(0, bucketDigits)))
    return known === undefined ? !this.#isRetired(partitionPath, fileId) : known === fileId
  }

  #isRetired(partitionPath: string, fileId: string): boolean {
    return this.#files.timeline.replaced.has(`${partitionPath}/${fileId}`)
  }

  get(fileGroup: string): SliceHead | null {
    return this.#heads.get(fileGroup) ?? null
  }

  /** Takes in the files of a commit that was made. */
  add({ staged, instant }: PendingCommit): void {
    for (const { kind, stat } of staged.files) {
      const group = fileGroupKey(stat.partitionPath, stat.fileId)
      if (kind === 'base') {
        const baseFile = stat.path.slice(stat.path.lastIndexOf('/') + 1)
        this.#heads.set(group, { baseInstant: instant, baseFile, logVersion: 0 })
      } else {
        const head = this.#heads.get(group) ?? { baseInstant: instant, baseFile: '' }
        this.#heads.set(group, { ...head, logVersion: stat.logVersion ?? 0 })
      }
    }
  }
}
