// When a smaller size is worth the change. What it saves is certain only for the past: so the smaller size is taken when it
// would have been enough for so long that what it would have saved is as much as the change costs. Whoever decides so pays
// at most twice of what one who knows the future pays. There is no other cooldown.
import type { AutoscalingState, NeededLanes, Size } from './model.ts'
import { totalLanes } from './model.ts'

/** A lane less in a pod that stays frees a little memory and no cores. */
const laneInPodShare = 0.1
const bucketMs = 60_000
const keptMs = 3_600_000
const patienceMax = 16
const patienceHalfMs = 6 * 3_600_000
/** Longer without a decision, and nobody knows what was needed. */
const gapMs = 150_000

export interface ChangeTimes {
  startUpMs: number
  handOverMs: number
  /** Times the cost. */
  patience: number
}

/** Lane time of the change and of the way back, over what the smaller size saves in the same time. */
export function payBackMs(from: Size, to: Size, { startUpMs, handOverMs, patience }: ChangeTimes): number {
  const saved = totalLanes(from) - totalLanes(to)
  if (saved <= 0) return Infinity
  const podsStay = from.replicas === to.replicas
  const costMs = patience * totalLanes(from) * (2 * handOverMs + (podsStay ? 0 : 2 * startUpMs))
  return Math.min(keptMs * 0.8, costMs / (podsStay ? saved * laneInPodShare : saved))
}

/** More was needed within the hour after a smaller size was taken: it was taken too early. */
export function regret(state: AutoscalingState, nowMs: number): AutoscalingState {
  const { lastShrunkAtMs } = state
  if (lastShrunkAtMs === null || nowMs - lastShrunkAtMs > keptMs) return state
  const factor = Math.min(patienceMax, 4 * patienceAt(state, nowMs))
  return { ...state, lastShrunkAtMs: null, patience: { factor, atMs: nowMs } }
}

/** It is forgotten by and by: what comes every quarter of an hour today need not tomorrow. */
export function patienceAt({ patience }: AutoscalingState, nowMs: number): number {
  return 1 + (patience.factor - 1) * 2 ** (-(nowMs - patience.atMs) / patienceHalfMs)
}

type Needed = readonly NeededLanes[]

/** Adds what is needed now; the most of a minute is kept. */
export function rememberNeeded(needed: Needed, now: NeededLanes): NeededLanes[] {
  const kept = needed.filter(({ atMs }) => atMs <= now.atMs && atMs > now.atMs - keptMs)
  const last = kept.at(-1)
  if (last === undefined || last.atMs <= now.atMs - bucketMs) return [...kept, now]
  const lanes = Math.max(last.lanes, now.lanes)
  const lastingLanes = Math.max(last.lastingLanes, now.lastingLanes)
  return [...kept.slice(0, -1), { atMs: last.atMs, lanes, lastingLanes }]
}

/** For how long something has been enough without a break. */
export function enoughForMs(needed: Needed, enough: (then: NeededLanes) => boolean, nowMs: number): number {
  let since = nowMs
  for (const then of needed.toReversed()) {
    if (!enough(then) || since - then.atMs > gapMs) break
    since = then.atMs
  }
  return nowMs - since
}

/** The smallest of the smaller sizes that pays, and how long it, or else the next smaller one, has to be enough. */
export function smallerThatPays(
  sizes: readonly Size[],
  from: Size,
  { needed, nowMs, ...times }: ChangeTimes & { needed: Needed; nowMs: number },
): { size: Size | null; payBackMs: number | null } {
  const smaller = sizes.filter(size => totalLanes(size) < totalLanes(from))
  const size = smaller.find(each => {
    const most = totalLanes(each)
    // Patience is for what comes again and again, and that is counted as it turned out, not as it was feared to become.
    return (
      enoughForMs(needed, ({ lanes }) => lanes <= most, nowMs) >=
        payBackMs(from, each, { ...times, patience: 1 }) &&
      enoughForMs(needed, ({ lastingLanes }) => lastingLanes <= most, nowMs) >= payBackMs(from, each, times)
    )
  })
  if (size !== undefined) return { size, payBackMs: payBackMs(from, size, times) }
  const latest = needed.at(-1)?.lanes ?? Infinity
  const next = smaller.find(each => totalLanes(each) >= latest)
  return { size: null, payBackMs: next === undefined ? null : payBackMs(from, next, times) }
}
