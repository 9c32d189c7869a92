// What workers say.
import type { Heartbeat } from '#api/heartbeat.ts'

/** Of one that reads one split and plans. */
export const heartbeat: Heartbeat = {
  job: { namespace: 'shop', name: 'shop-to-lake' },
  worker: 'shop-to-lake-worker-7d9f-x2x4p',
  startedAtMs: 1_790_000_000_000,
  number: 1,
  term: 0,
  plan: 'shop-to-lake-plan-1a2b',
  capacity: 2,
  leaving: false,
  held: [{ id: 'clicks/0', draining: false, leased: true, lagMs: 12 }],
  finished: [],
  planned: [{ id: 'clicks/0', tables: ['clicks'], bounded: false, stage: 1, weight: 1 }],
  leases: [{ id: 'w/records', weight: 1, wanted: Infinity, using: 0 }],
}

/** Of one that holds nothing and asks for nothing. */
export function quietHeartbeat(name: string, worker: string): Heartbeat {
  return {
    job: { namespace: 'shop', name },
    worker,
    startedAtMs: 1,
    number: 1,
    term: 0,
    plan: '',
    capacity: 1,
    leaving: false,
    held: [],
    finished: [],
    planned: null,
    leases: [],
  }
}

/** Of one with two lanes that reads these splits of `job-0`, into which more comes than it can read. */
export function overloadedHeartbeat(worker: string, splits: readonly string[]): Heartbeat {
  return {
    ...quietHeartbeat('job-0', worker),
    capacity: 2,
    held: splits.map((id, at) => ({
      id,
      draining: false,
      leased: true,
      lagMs: 50_000,
      lane: at % 2,
      measured: { ageMs: 0, inputPerSecond: 900, processedPerSecond: 250, lagRecords: 40_000 },
    })),
    lanes: [0, 1].map(lane => {
      return { lane, ageMs: 0, processedPerSecond: 1000, busyShare: 1, blockedShare: 0, settled: true }
    }),
  }
}
