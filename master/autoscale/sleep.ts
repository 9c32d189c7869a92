// When a job without workers is looked at, and when it gets one again. Pure: time and chance come with each call, and what
// has to be remembered goes out and comes in again. A new operator begins with `asleepFrom`, as if it had just fallen asleep.

export interface Sleep {
  intervalMs: number
  /** Nobody looks before. */
  nextProbeAtMs: number
  /** When a look last told that there is nothing to read; at first, when the job fell asleep. */
  answeredAtMs: number
  /** Looks since then that told nothing. */
  failures: number
  /** What the last of them said. */
  complaint: string | null
}

/** How a look ended. */
export type ProbeOutcome =
  | { kind: 'nothing' }
  /** A sentence that says what there is to read. */
  | { kind: 'unread'; what: string }
  /** It told nothing, and why. */
  | { kind: 'failed'; complaint: string }

export type SleepStep =
  | { step: 'sleep'; sleep: Sleep }
  /** A look is due. */
  | { step: 'probe'; sleep: Sleep }
  | { step: 'wake'; reason: 'Waking' | 'SpecChanged' | 'SourceUnseen'; what: string }

export interface Sleeper {
  sleep: Sleep
  /** The job is not what it was when it fell asleep. */
  changed: boolean
  /** Of the look that just ended; null: none did. */
  outcome: ProbeOutcome | null
  isProbing: boolean
  nowMs: number
  /** From 0 to 1. */
  random: number
}

const failuresMax = 3
/** Whatever the interval, a source that was not looked at for so long may have something by now. */
const unseenMs = 600_000
const unseenIntervals = 3

/** Jobs that fall asleep together are not looked at together. */
export function asleepFrom(nowMs: number, intervalMs: number, random: number): Sleep {
  const nextProbeAtMs = nowMs + intervalMs * (0.5 + random / 2)
  return { intervalMs, nextProbeAtMs, answeredAtMs: nowMs, failures: 0, complaint: null }
}

export function decideSleep({
  sleep: before,
  changed,
  outcome,
  isProbing,
  nowMs,
  random,
}: Sleeper): SleepStep {
  if (changed)
    return { step: 'wake', reason: 'SpecChanged', what: 'The job, or a resource it names, was changed.' }
  if (outcome?.kind === 'unread') return { step: 'wake', reason: 'Waking', what: outcome.what }
  const sleep = outcome === null ? before : afterLook(before, outcome, nowMs, random)
  const tooLongMs = Math.max(unseenMs, unseenIntervals * sleep.intervalMs)
  if (sleep.failures >= failuresMax || nowMs - sleep.answeredAtMs >= tooLongMs)
    return {
      step: 'wake',
      reason: 'SourceUnseen',
      what: sleep.complaint ?? 'It was not its turn to be looked at.',
    }
  const isDue = !isProbing && nowMs >= sleep.nextProbeAtMs
  return { step: isDue ? 'probe' : 'sleep', sleep }
}

/** Near enough to be looked at along with another job. Those that share a source so come to be looked at together. */
export function isSoonDue({ intervalMs, nextProbeAtMs }: Sleep, nowMs: number): boolean {
  return nextProbeAtMs - nowMs <= intervalMs / 2
}

function afterLook(
  { intervalMs, answeredAtMs, failures }: Sleep,
  outcome: Exclude<ProbeOutcome, { kind: 'unread' }>,
  nowMs: number,
  random: number,
): Sleep {
  const nextProbeAtMs = nowMs + intervalMs * (0.8 + 0.4 * random)
  if (outcome.kind === 'nothing')
    return { intervalMs, nextProbeAtMs, answeredAtMs: nowMs, failures: 0, complaint: null }
  return { intervalMs, nextProbeAtMs, answeredAtMs, failures: failures + 1, complaint: outcome.complaint }
}
