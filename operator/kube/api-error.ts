// What the API server answers when it does not answer 2xx, sorted by what the caller must do about it. The HTTP
// status stays in the error's context, since some callers act on one: 404 is an answer, 410 asks for a relist.
import { ConfigError, ConflictError, SyncError, TransientError } from '#common/errors.ts'
import type { ErrorContext } from '#common/errors.ts'

/** The body of a failed call: https://kubernetes.io/docs/reference/kubernetes-api/common-definitions/status/ */
export interface Status {
  kind?: string
  code?: number
  reason?: string
  message?: string
  details?: { retryAfterSeconds?: number }
}

export interface FailedCall {
  method: string
  path: string
  /** Value of the Retry-After header. */
  retryAfter?: string | undefined
}

export function errorFromStatus(code: number, status: Status, call: FailedCall): SyncError {
  const message = `${call.method} ${call.path}: ${status.message ?? status.reason ?? `HTTP ${code}`}`
  const context: ErrorContext = {
    status: code,
    reason: status.reason,
    retryAfterMs: retryAfterMs(status, call.retryAfter),
  }
  if (code === 409) return new ConflictError(message, { code: 'KUBE_CONFLICT', context })
  if (code === 401 || code === 403) return new ConfigError(message, { code: 'KUBE_FORBIDDEN', context })
  if (code === 429 || code >= 500 || code === 410 || code === 408)
    return new TransientError(message, { code: 'KUBE_UNAVAILABLE', context })
  return new ConfigError(message, { code: 'KUBE_REJECTED', context })
}

export function connectionError(call: FailedCall, cause: unknown): TransientError {
  return new TransientError(`${call.method} ${call.path}: no answer from the API server`, {
    code: 'KUBE_UNAVAILABLE',
    cause,
  })
}

/** The HTTP status behind an error of this module; 0 when there was no answer. */
export function statusOf(error: unknown): number {
  const status = error instanceof SyncError ? error.context['status'] : undefined
  return typeof status === 'number' ? status : 0
}

export function isNotFound(error: unknown): boolean {
  return statusOf(error) === 404
}

/** The version asked for is no longer in the server's history: list again. */
export function isExpired(error: unknown): boolean {
  return statusOf(error) === 410
}

/** The namespace is being deleted: nothing can be created in it any more. */
export function isNamespaceTerminating(error: unknown): boolean {
  return statusOf(error) === 403 && error instanceof Error && error.message.includes('being terminated')
}

/** How long the server asked to be left alone, ms; 0 when it did not. */
export function askedDelayMs(error: unknown): number {
  const delay = error instanceof SyncError ? error.context['retryAfterMs'] : undefined
  return typeof delay === 'number' ? delay : 0
}

function retryAfterMs(status: Status, header: string | undefined): number {
  const seconds = status.details?.retryAfterSeconds ?? Number(header ?? 0)
  return Number.isFinite(seconds) && seconds > 0 ? seconds * 1000 : 0
}
