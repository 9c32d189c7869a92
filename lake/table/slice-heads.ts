// What a writer must know of each file group to add to it: whether it exists, and which slice a log file changes.
// A writer knows what it saw when it last listed the table, and its own commits since.
import type { InstantTime } from '#lake/timeline/instant.ts'
import { fileGroupKey } from './names.ts'
import type { PendingCommit } from './pending-commit.ts'
import type { TableFiles } from './table-files.ts'

export interface SliceHead {
  baseInstant: InstantTime
  /** Name of the base file, '' when the slice has none. */
  baseFile: string
}

export class SliceHeads {
  readonly #heads = new Map<string, SliceHead>()

  static of(files: TableFiles): SliceHeads {
    const heads = new SliceHeads()
    for (const { partitionPath, fileId, baseInstant, base } of files.slices)
      heads.#heads.set(fileGroupKey(partitionPath, fileId), { baseInstant, baseFile: base?.name ?? '' })
    return heads
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
        this.#heads.set(group, { baseInstant: instant, baseFile })
      } else if (!this.#heads.has(group)) this.#heads.set(group, { baseInstant: instant, baseFile: '' })
    }
  }
}
