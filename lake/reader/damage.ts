// Damage of a table's files: how it is told, and which errors tell of it. Whoever reads may go on with the other file
// groups, since no file group needs another.
import { DataError, SyncError } from '#common/errors.ts'
import type { ErrorCode } from '#common/error-codes.ts'
import type { ObjectStore } from '#lake/storage/object-store.ts'

const damageCodes: ReadonlySet<ErrorCode> = new Set(['LAKE_FILE_CORRUPT', 'LAKE_FILE_MISSING'])

/** A file that the timeline or a listing names, and that is not there. */
export function missingFile(store: ObjectStore, path: string): DataError {
  return new DataError(`The file ${path} of the table ${store.url} is gone`, {
    code: 'LAKE_FILE_MISSING',
    context: { table: store.url, path },
  })
}

/** Whether the error says that a file of the table is damaged or gone. */
export function isDamage(error: unknown): error is SyncError {
  return error instanceof SyncError && damageCodes.has(error.code)
}
