// The smallest job that an autoscaler can drive: even splits, lanes of 1,000 records/s, pods that take a minute to start.
import type { ScalingDecision } from '#master/autoscale/model.ts'
import { decideSize } from '#master/autoscale/decide.ts'
import type { Limits } from '#master/autoscale/model.ts'
import { even, limits, observe, startMs } from './observations.ts'

const stepMs = 15_000
const startUpMs = 60_000
const lanePerSecond = 1000

export interface Moment {
  atMs: number
  lagMs: number
  decision: ScalingDecision
}

export interface Drive {
  /** Records/s at a time since the start. */
  input: (sinceMs: number) => number
  minutes: number
  backlog?: number
  replicas?: number
  limits?: Partial<Limits>
  splits?: number
  /** No measurements arrive. */
  blind?: (sinceMs: number) => boolean
}

export function drive({ input, minutes, backlog = 0, replicas = 1, ...drive }: Drive): Moment[] {
  const moments: Moment[] = []
  let running = { replicas, lanes: 2, readyReplicas: replicas }
  let asked: { atMs: number; replicas: number } | null = null
  let state: ScalingDecision['state'] | null = null
  let seen = startMs
  for (let nowMs = startMs; nowMs < startMs + minutes * 60_000; nowMs += stepMs) {
    const rate = input(nowMs - startMs)
    if (asked !== null && nowMs - asked.atMs >= startUpMs) {
      running = { ...running, readyReplicas: asked.replicas }
      asked = null
    }
    const lanes = running.readyReplicas * running.lanes
    backlog = Math.max(0, backlog + ((rate - lanes * lanePerSecond) * stepMs) / 1000)
    if (backlog < 1e-6) backlog = 0
    if (drive.blind?.(nowMs - startMs) !== true) seen = nowMs
    const splits = drive.splits ?? 64
    const lagMs = rate === 0 ? 0 : (backlog / rate) * 1000
    const decision = decideSize(
      observe({
        running,
        limits: { ...limits, maxReplicas: 16, ...drive.limits },
        input: even(splits, rate),
        lagRecords: backlog / splits,
        lagMs,
        state,
        nowMs,
        ageMs: nowMs - seen,
      }),
    )
    state = JSON.parse(JSON.stringify(decision.state)) as ScalingDecision['state']
    moments.push({ atMs: nowMs - startMs, lagMs, decision })
    if (decision.replicas > running.replicas) asked = { atMs: nowMs, replicas: decision.replicas }
    if (decision.replicas < running.replicas) asked = null
    running = {
      replicas: decision.replicas,
      lanes: decision.lanes,
      readyReplicas: Math.min(decision.replicas, running.readyReplicas),
    }
  }
  return moments
}

export function changes(moments: readonly Moment[]): number {
  return moments.filter(
    ({ decision: { replicas, lanes } }, at) =>
      at > 0 &&
      (replicas !== moments[at - 1]!.decision.replicas || lanes !== moments[at - 1]!.decision.lanes),
  ).length
}
