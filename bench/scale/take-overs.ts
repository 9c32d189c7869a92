// How long nobody leads, and until the next one has caught up: after a crash and after an orderly end of the one who
// leads, with another that stands by and with none.
import { setTimeout as delay } from 'node:timers/promises'
import type { Fleet } from './fleet.ts'
import type { OperatorProcess } from './operator-process.ts'
import type { WorkerVoice } from './worker-voice.ts'

export interface TakeOver {
  how: 'kill -9, one stands by' | 'SIGTERM, one stands by' | 'kill -9, a new process'
  /** Seconds since the signal until the other leads. */
  leads: number
  /** Until a worker's heartbeat is answered. */
  heard: number
  /** Until a change of a spec made right after the signal has reached the Deployment. */
  changed: number
  /** Until every job has been looked at. */
  seen: number
}

export interface Surroundings {
  start: () => Promise<OperatorProcess>
  fleet: Fleet
  worker: WorkerVoice
}

/** Resolves to the one that leads at the end, and what was measured. */
export async function takeOvers(
  first: OperatorProcess,
  around: Surroundings,
): Promise<{ operator: OperatorProcess; results: TakeOver[] }> {
  const second = await standBy(around)
  const crash = await takeOver(
    () => first.kill9(),
    () => Promise.resolve(second),
    around,
  )
  const third = await standBy(around)
  const end = await takeOver(
    () => second.stop(),
    () => Promise.resolve(third),
    around,
  )
  const anew = await takeOver(() => third.kill9(), around.start, around)
  return {
    operator: anew.successor,
    results: [
      { how: 'kill -9, one stands by', ...crash.times },
      { how: 'SIGTERM, one stands by', ...end.times },
      { how: 'kill -9, a new process', ...anew.times },
    ],
  }
}

async function standBy({ start }: Surroundings): Promise<OperatorProcess> {
  const operator = await start()
  await until(() => operator.isReady())
  return operator
}

async function takeOver(
  end: () => Promise<void>,
  next: () => Promise<OperatorProcess>,
  { fleet, worker }: Surroundings,
): Promise<{ successor: OperatorProcess; times: Omit<TakeOver, 'how'> }> {
  const sinceMs = performance.now()
  const after = async (happens: Promise<void>): Promise<number> => {
    await happens
    return (performance.now() - sinceMs) / 1000
  }
  const ending = end()
  const changed = after(fleet.suspendLast())
  const successor = await next()
  const isHeard = until(() => worker.isHeard(successor.masterPort))
  const [leads, heard, seen] = await Promise.all([
    after(until(async () => (await successor.counts()).leads)),
    after(isHeard),
    // It has not begun to count before it is master.
    after(isHeard.then(() => until(async () => (await successor.counts()).unseen === 0))),
  ])
  const times = { leads, heard, changed: await changed, seen }
  await ending
  await fleet.resumeLast()
  return { successor, times }
}

/** One that only starts refuses connections. */
async function until(happened: () => Promise<boolean>): Promise<void> {
  while (!(await happened().catch(() => false))) await delay(50)
}

export function takeOverTable(rows: readonly (TakeOver & { jobs: number })[]): string {
  const head =
    '| SyncJobs | how the leader ended | the next one leads, s | has answered a heartbeat | has carried out a change | has looked at every job |\n|---|---|---|---|---|---|'
  const lines = rows.map(({ jobs, how, leads, heard, changed, seen }) =>
    [jobs.toLocaleString('en-US'), how, ...[leads, heard, changed, seen].map(each => each.toFixed(1))].join(
      ' | ',
    ),
  )
  return `${head}\n${lines.map(line => `| ${line} |`).join('\n')}\n`
}
