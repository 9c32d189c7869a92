// What a failed file operation means to the caller.
import { ConfigError, SyncError, TransientError } from '#common/errors.ts'

/** True when there is nothing at the path. */
export function isMissing(error: unknown): boolean {
  const code = errnoOf(error)
  return code === 'ENOENT' || code === 'ENOTDIR'
}

/** The error to throw for a failed operation on the path. */
export function fileError(error: unknown, path: string): SyncError {
  if (error instanceof SyncError) return error
  const details = { cause: error, context: { path } }
  switch (errnoOf(error)) {
    case 'ENOSPC':
    case 'EDQUOT':
      return new TransientError(`No space left to write ${path}`, { code: 'STORAGE_FULL', ...details })
    case 'EACCES':
    case 'EPERM':
    case 'EROFS':
      return new ConfigError(`No permission for ${path}`, { code: 'STORAGE_DENIED', ...details })
    case 'ENOTSUP':
    case 'ENOSYS':
    case 'EMLINK':
      return new ConfigError(`The file system of ${path} has no hard links`, {
        code: 'STORAGE_NO_CONDITIONAL_PUT',
        ...details,
      })
    default:
      return new TransientError(`The file system failed at ${path}`, {
        code: 'STORAGE_UNAVAILABLE',
        ...details,
      })
  }
}

function errnoOf(error: unknown): string | undefined {
  return error instanceof Error ? (error as NodeJS.ErrnoException).code : undefined
}
