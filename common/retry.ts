// Back-off for what a second try may cure.
import type { Clock } from './clock.ts'
import { TransientError } from './errors.ts'

export interface BackoffPolicy {
  firstMs: number
  maxMs: number
  /** Give up after this many tries; Infinity to go on until the signal aborts. */
  tries: number
  /** Give up as well when a try fails this long after the first one began: each may itself have waited long. */
  budgetMs?: number
}

export const defaultBackoff: BackoffPolicy = { firstMs: 100, maxMs: 30_000, tries: Infinity }

/** Decorrelated jitter: between the first delay and three times the previous one, within the maximum. */
export function nextDelayMs(policy: BackoffPolicy, previousMs: number, random: number): number {
  const ceiling = Math.min(policy.maxMs, Math.max(policy.firstMs, previousMs * 3))
  return policy.firstMs + random * (ceiling - policy.firstMs)
}

/** Runs the work again while it throws a TransientError. `onRetry` hears each failure and the delay before the next try. */
export async function retry<T>(
  work: () => Promise<T>,
  policy: BackoffPolicy,
  context: { clock: Clock; signal: AbortSignal; onRetry?: (error: TransientError, delayMs: number) => void },
): Promise<T> {
  const startedAtMs = context.clock.monotonicMs()
  const isOver = (): boolean =>
    policy.budgetMs !== undefined && context.clock.monotonicMs() - startedAtMs >= policy.budgetMs
  let delayMs = 0
  for (let tried = 1; ; tried++) {
    try {
      return await work()
    } catch (error) {
      if (!(error instanceof TransientError) || tried >= policy.tries || isOver()) throw error
      if (context.signal.aborted) throw error
      delayMs = nextDelayMs(policy, delayMs, context.clock.random())
      context.onRetry?.(error, delayMs)
      await context.clock.sleep(delayMs, context.signal)
      context.signal.throwIfAborted()
    }
  }
}
