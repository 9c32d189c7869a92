// Errors are classed by what the caller must do, not by the layer they come from. The code is a word that is
// also the condition reason, the metric label and the anchor in docs/reference/errors.md.
import type { ErrorCode } from './error-codes.ts'

/** Facts about the failure that are safe to show: names, positions, limits; never a secret or a row's values. */
export type ErrorContext = Readonly<Record<string, string | number | boolean | null | undefined>>

export interface ErrorDetails {
  code: ErrorCode
  context?: ErrorContext
  cause?: unknown
}

export abstract class SyncError extends Error {
  readonly code: ErrorCode
  readonly context: ErrorContext

  constructor(message: string, details: ErrorDetails) {
    super(message, details.cause === undefined ? undefined : { cause: details.cause })
    this.name = new.target.name
    this.code = details.code
    this.context = details.context ?? {}
  }
}

/** Retry with back-off: the other side is away, busy or throttling. */
export class TransientError extends SyncError {}
/** A person must edit a resource (or a grant, a setting of the source): set a condition, do not crash-loop. */
export class ConfigError extends SyncError {}
/** The stored position is gone at the source (slot dropped, offsets expired): the re-snapshot policy decides. */
export class PositionLostError extends SyncError {}
/** One record is bad: the bad-record policy decides. */
export class DataError extends SyncError {}
/** A commit race was lost: reload the table, stage again. */
export class ConflictError extends SyncError {}
/** This process no longer owns what it holds: stop at once. */
export class FencedError extends SyncError {}
/** A bug: crash, so that it is seen. */
export class InvariantError extends SyncError {}

/** True for the error an aborted signal produces: not a failure, the caller asked for it. */
export function isAbort(error: unknown): boolean {
  return (
    error instanceof Error &&
    (error.name === 'AbortError' || (error as { code?: string }).code === 'ABORT_ERR')
  )
}

/** One line for logs and conditions: message, then the messages of its causes. */
export function describeError(error: unknown): string {
  const parts: string[] = []
  for (let at: unknown = error; at !== undefined && at !== null && parts.length < 5;) {
    const text = at instanceof Error ? at.message || at.name : JSON.stringify(at)
    if (text !== '' && !parts.includes(text)) parts.push(text)
    at = at instanceof Error ? at.cause : undefined
  }
  return parts.join(': ')
}

/** Throws an InvariantError unless the condition holds. */
export function invariant(condition: unknown, message: string, context?: ErrorContext): asserts condition {
  if (!condition) throw new InvariantError(message, { code: 'INTERNAL', ...(context ? { context } : {}) })
}
