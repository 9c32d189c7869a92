// What a worker says that reads one split and plans.
import type { Heartbeat } from '#api/heartbeat.ts'

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
