// File groups that could not be compacted because a file of theirs is damaged. They are left alone for a while, so that
// the others are compacted all the same and nothing is read over and over again to no end.
import type { Clock } from '#common/clock.ts'
import type { SyncError } from '#common/errors.ts'
import { DataError } from '#common/errors.ts'
import type { FileSlice } from '#lake/reader/file-slice.ts'
import { fileGroupKey } from '#lake/table/names.ts'

const leftAloneMs = 3_600_000

interface Damage {
  files: string
  atMs: number
  error: SyncError
}

export class DamagedGroups {
  readonly #clock: Pick<Clock, 'monotonicMs'>
  readonly #groups = new Map<string, Damage>()

  constructor(clock: Pick<Clock, 'monotonicMs'>) {
    this.#clock = clock
  }

  note(slice: FileSlice, error: SyncError): void {
    this.#groups.set(groupOf(slice), { files: filesOf(slice), atMs: this.#clock.monotonicMs(), error })
  }

  /** Whether the group is to be left alone; one that looks mended is forgotten. */
  has(slice: FileSlice): boolean {
    const group = groupOf(slice)
    const damage = this.#groups.get(group)
    if (damage === undefined) return false
    const old = this.#clock.monotonicMs() - damage.atMs >= leftAloneMs
    if (!old && damage.files === filesOf(slice)) return true
    this.#groups.delete(group)
    return false
  }

  /** What is known of them, in one error; null when none is. */
  get error(): DataError | null {
    const [first, ...others] = this.#groups.values()
    if (first === undefined) return null
    const { message, code, context } = first.error
    const more = others.length === 0 ? '' : `; ${others.length} more file groups are damaged`
    return new DataError(`${message}${more}. The other file groups are compacted`, {
      code,
      context: { ...context, damagedFileGroups: this.#groups.size },
      cause: first.error.cause,
    })
  }
}

function groupOf({ partitionPath, fileId }: FileSlice): string {
  return fileGroupKey(partitionPath, fileId)
}

/** A log more changes what there is to read, not what is damaged: the base file and the logs of then. */
function filesOf({ base, logs }: FileSlice): string {
  return [base, ...logs.slice(0, 1)]
    .map(file => (file === null ? '' : `${file.path} ${file.sizeBytes}`))
    .join()
}
