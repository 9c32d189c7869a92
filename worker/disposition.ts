// The one place that decides what a worker does about an error.
import {
  ConfigError,
  ConflictError,
  DataError,
  FencedError,
  InvariantError,
  PositionLostError,
  SyncError,
  TransientError,
  describeError,
} from '#common/errors.ts'
import type { Disposition, LaneFailure } from './lane-protocol.ts'

export function dispositionOf(error: unknown): Disposition {
  if (error instanceof TransientError || error instanceof ConflictError || error instanceof FencedError)
    return 'retry'
  if (error instanceof ConfigError || error instanceof DataError || error instanceof PositionLostError)
    return 'wait-for-person'
  if (error instanceof InvariantError) return 'crash'
  return 'crash'
}

/** The failure as it is reported: a foreign error is a bug of ours until it has a code. */
export function failureOf(error: unknown): LaneFailure {
  const known = error instanceof SyncError
  return {
    code: known ? error.code : 'INTERNAL',
    message: describeError(error),
    context: known ? error.context : { stack: error instanceof Error ? (error.stack ?? null) : null },
    disposition: dispositionOf(error),
  }
}

/** Pause before the next try; it grows with the failures in a row, and is long where only a person can help. */
export function retryPolicy(disposition: Disposition): { firstMs: number; maxMs: number; tries: number } {
  return disposition === 'retry'
    ? { firstMs: 200, maxMs: 15_000, tries: Infinity }
    : { firstMs: 5_000, maxMs: 30_000, tries: Infinity }
}
