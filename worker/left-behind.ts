// Work that hangs on a server that does not answer must not hold up the end of a worker: a pod has only so long.
import type { Clock } from '#common/clock.ts'

/**
 * What the work gives; once the signal aborts it has `graceMs` more, and is then left behind: undefined. What becomes of
 * it after that is nobody's business; nothing that correctness needs hangs on it.
 */
export async function orLeftBehind<T>(
  work: Promise<T>,
  { signal, graceMs, clock }: { signal: AbortSignal; graceMs: number; clock: Clock },
): Promise<T | undefined> {
  const done = new AbortController()
  const left = new Promise<undefined>(resolve => {
    const leave = (): void => void clock.sleep(graceMs, done.signal).then(() => resolve(undefined))
    if (signal.aborted) leave()
    else signal.addEventListener('abort', leave, { once: true })
    done.signal.addEventListener('abort', () => signal.removeEventListener('abort', leave))
  })
  try {
    return await Promise.race([work, left])
  } finally {
    done.abort()
  }
}
