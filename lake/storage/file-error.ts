// What a failed file operation means to the caller, and what to do about it.
import type { ErrorCode } from '#common/error-codes.ts'
import { ConfigError, SyncError, TransientError } from '#common/errors.ts'

/** True when there is nothing at the path. */
export function isMissing(error: unknown): boolean {
  const code = errnoOf(error)
  return code === 'ENOENT' || code === 'ENOTDIR'
}

/** Over NFS: the file was replaced while it was open; opened again it is the new one. */
export function isStale(error: unknown): boolean {
  return errnoOf(error) === 'ESTALE'
}

/** The file system cannot sync a folder (CIFS, FUSE); then it has no need to, or no means. */
export function isUnsyncable(error: unknown): boolean {
  return ['EINVAL', 'ENOTSUP', 'EISDIR', 'EBADF'].includes(errnoOf(error) ?? '')
}

interface Meaning {
  class: typeof ConfigError | typeof TransientError
  code: ErrorCode
  /** What to say about the path. */
  text: (path: string) => string
}

const full: Meaning = {
  class: TransientError,
  code: 'STORAGE_FULL',
  text: path => `No space left to write ${path}`,
}
const denied = (text: Meaning['text']): Meaning => ({ class: ConfigError, code: 'STORAGE_DENIED', text })
const unavailable = (text: Meaning['text']): Meaning => ({
  class: TransientError,
  code: 'STORAGE_UNAVAILABLE',
  text,
})
const forbidden = denied(
  path => `No permission for ${path}: let ${thisUser()} read and write the folder of the lake`,
)
const inTheWay = denied(path => `A file or folder of another kind is in the way of ${path}`)
const noLinks: Meaning = {
  class: ConfigError,
  code: 'STORAGE_NO_CONDITIONAL_PUT',
  text: path => `The file system of ${path} has no hard links`,
}
const tooManyOpen = unavailable(path => `Too many open files to open ${path}; raise the limit (ulimit -n)`)
const failed = unavailable(path => `The file system failed at ${path}`)

const meanings: Readonly<Record<string, Meaning>> = {
  ENOSPC: full,
  EDQUOT: full,
  EACCES: forbidden,
  EPERM: forbidden,
  EROFS: denied(path => `${path} is on a file system that is mounted read-only: mount it with rw`),
  ENAMETOOLONG: denied(path => `The file system takes no name as long as that of ${path}`),
  ENOTDIR: inTheWay,
  EISDIR: inTheWay,
  EEXIST: inTheWay,
  ENOTSUP: noLinks,
  ENOSYS: noLinks,
  EMLINK: noLinks,
  EXDEV: noLinks,
  EMFILE: tooManyOpen,
  ENFILE: tooManyOpen,
  ESTALE: unavailable(
    path => `The file server no longer knows ${path}; the volume may have to be mounted again`,
  ),
}

/** The error to throw for a failed operation on the path. */
export function fileError(error: unknown, path: string): SyncError {
  if (error instanceof SyncError) return error
  const { class: SyncErrorClass, code, text } = meanings[errnoOf(error) ?? ''] ?? failed
  return new SyncErrorClass(text(path), { code, cause: error, context: { path } })
}

/** A folder that cannot be made, though the one it is to be in is there. */
export function noFolders(path: string): ConfigError {
  return new ConfigError(`The file system makes no folder ${path}: choose a folder on a disk for the lake`, {
    code: 'STORAGE_DENIED',
    context: { path },
  })
}

function thisUser(): string {
  return process.getuid === undefined ? 'this user' : `user ${process.getuid()}`
}

function errnoOf(error: unknown): string | undefined {
  return error instanceof Error ? (error as NodeJS.ErrnoException).code : undefined
}
