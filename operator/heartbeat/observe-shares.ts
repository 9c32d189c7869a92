// How jobs are shared among their workers, as gauges and counters.
import type { OperatorMetrics } from '../metrics.ts'
import type { JobShares } from './job-splits.ts'

/** The master counts by itself; its sums are what the counters are to say. */
export function observeShares(
  jobs: ReadonlyMap<string, JobShares>,
  { workerSplits, splitsMoved }: Pick<OperatorMetrics, 'workerSplits' | 'splitsMoved'>,
): void {
  workerSplits.reset()
  splitsMoved.reset()
  for (const [job, { workers, moved }] of jobs) {
    for (const [worker, splits] of workers) workerSplits.set({ job, worker }, splits)
    for (const [why, splits] of Object.entries(moved)) splitsMoved.inc({ job, why }, splits)
  }
}
