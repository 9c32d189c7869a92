// Stands by, and leads when it is this one's turn. All that a leader has to know is read while another leads, or while the
// Lease of one that died runs out.
import type { LeaderElector } from './kube/leader-election.ts'
import type { Operator } from './operator.ts'

/** Until the signal aborts. @throws FencedError LEADERSHIP_LOST as LeaderElector.run() */
export async function runInTurn(
  elector: Pick<LeaderElector, 'run'>,
  operator: Pick<Operator, 'standBy' | 'lead'>,
  signal: AbortSignal,
): Promise<void> {
  const ended = new AbortController()
  const standingBy = operator.standBy(ended.signal)
  try {
    await elector.run(term => operator.lead(term), signal)
  } finally {
    ended.abort()
    await standingBy
  }
}
