// How jobs are shared among their workers, as gauges and counters.
import type { OperatorMetrics } from '../metrics.ts'
import type { JobShares } from './job-splits.ts'

/** The master counts by itself; its sums are what the counters are to say. */
export function observeShares(
  jobs: ReadonlyMap<string, JobShares>,
  metrics: Pick<OperatorMetrics, 'workerSplits' | 'unreadSplits' | 'splitsMoved'>,
): void {
  const { workerSplits, unreadSplits, splitsMoved } = metrics
  for (const metric of [workerSplits, unreadSplits, splitsMoved]) metric.reset()
  for (const [job, { workers, unread, moved }] of jobs) {
    unreadSplits.set({ job }, unread)
    for (const [worker, splits] of workers) workerSplits.set({ job, worker }, splits)
    for (const [why, splits] of Object.entries(moved)) splitsMoved.inc({ job, why }, splits)
  }
}
