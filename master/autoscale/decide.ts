// The autoscaler: the smallest size with which no change gets older than `maxLag`. It predicts rather than reacts: what a
// lane can do is learned, the input is extrapolated to when a new size would be in effect, and the lag of every lane
// follows from the two. Pure: time comes with each call, and what has to be remembered goes out and comes in again.
// docs/decisions/0019-autoscaling-by-model.md
import { dependableCapacity } from './capacity.ts'
import { largestShare, smallestFitting } from './fit.ts'
import type {
  AutoscalingState,
  Limits,
  NeededLanes,
  Observation,
  ScalingDecision,
  ScalingNumbers,
  ScalingReason,
  Size,
} from './model.ts'
import { sameSize, totalLanes } from './model.ts'
import { patienceAt, regret, rememberNeeded, smallerThatPays } from './pay-back.ts'
import type { Situation } from './situation.ts'
import { freshness, handOverMs, initialState, plannedShare, reactionMs, situationOf } from './situation.ts'
import { sizesOf, within } from './sizes.ts'

/** A lane without input that works more than this has something else to do. */
const restingShare = 0.5

/** A lane that has so much more than if the splits were dealt anew is worth dealing them anew. */
const unbalancedRatio = 1.15

/** How much more may come, by the time nothing is seen: once as much in an hour, and half as much at most. */
const blindGrowthPerMs = 1 / 3_600_000
const blindGrowthMax = 0.5
/** With these reasons a lag comes from the size there was. */
const forWantOfSize: ReadonlySet<ScalingReason> = new Set(['LagAhead', 'AtMaximum', 'Starting', 'CatchingUp'])

interface Choice {
  size: Size
  reason: ScalingReason
  payBackMs?: number | null
}

type Known = Situation & { fit: NonNullable<Situation['fit']> }

/** The size to have from now on, why, and the state to bring along next time. */
export function decideSize(asked: Observation): ScalingDecision {
  // A size that is not allowed is not worth thinking about.
  const observation = { ...asked, running: { ...asked.running, ...within(asked.limits, asked.running) } }
  const { measurements, nowMs } = observation
  const fresh = freshness(measurements, nowMs)
  if (fresh === 'none') return decided(asked, blind(observation), unknown(observation))
  const situation = situationOf(observation)
  const choice = choose(observation, situation, fresh === 'all')
  const state = remembered(observation, situation, choice)
  return decided(asked, choice, { state, numbers: situation.numbers })
}

/** Longer than `idleAfter` while a lane still works, as at a compaction, but no more than twice as long. */
function isIdle(
  { measurements, limits, nowMs }: Observation,
  idleSinceMs: AutoscalingState['idleSinceMs'],
): boolean {
  const { idleAfterMs, minReplicas } = limits
  if (idleAfterMs === null || minReplicas > 0 || idleSinceMs === null) return false
  const idleMs = nowMs - idleSinceMs
  const works = measurements.lanes.some(({ busyShare }) => busyShare > restingShare)
  return idleMs >= idleAfterMs * (works ? 2 : 1)
}

function choose(observation: Observation, situation: Situation, allFresh: boolean): Choice {
  const { running } = observation
  const { state, fit, late } = situation
  if (running.replicas === 0) return fromZero(running, situation)
  if (allFresh && isIdle(observation, state.idleSinceMs))
    return { size: { replicas: 0, lanes: running.lanes }, reason: 'Idle' }
  if (fit === null) return { size: running, reason: 'CapacityUnknown' }
  const known = { ...situation, fit }
  if (running.readyReplicas < running.replicas) return whileStarting(observation, known, allFresh)
  if (late.length > 0) return grow(observation, known, allFresh)
  return shrink(observation, known, allFresh, 'Steady')
}

/** There is a backlog that the present size does not get rid of in time. */
function grow(observation: Observation, situation: Known, allFresh: boolean): Choice {
  const { running, nowMs } = observation
  const { fit, late, sizes } = situation
  if (late.every(({ blocked }) => blocked)) return { size: running, reason: 'ExternalBottleneck' }
  const shared = late.filter(({ splits, blocked }) => splits > 1 && !blocked)
  if (shared.length === 0) return shrink(observation, situation, allFresh, 'SplitSkew')
  const now = totalLanes(running)
  if (totalLanes(fit.size) > now) return { size: fit.size, reason: fit.enough ? 'LagAhead' : 'AtMaximum' }
  // By what was learned the present size is enough, and yet these lanes are late.
  if (isNew(situation.state, nowMs) || shared.some(({ settled }) => !settled))
    return { size: running, reason: 'CatchingUp' }
  const most = Math.max(...shared.map(({ inputPerSecond }) => inputPerSecond))
  const dealtMost = largestShare(
    fit.splits.map(split => ({ ...split, backlog: 0 })),
    now,
    fit.terms,
  )
  if (most > unbalancedRatio * dealtMost) return { size: running, reason: 'Unbalanced' }
  const next = sizes.find(size => totalLanes(size) > now)
  return next === undefined ? { size: running, reason: 'AtMaximum' } : { size: next, reason: 'LagAhead' }
}

/** The splits of the last change may still be on their way, and the measurements before it. */
function isNew({ lastChange }: AutoscalingState, nowMs: number): boolean {
  if (lastChange === null) return false
  return nowMs < (lastChange.readyAtMs ?? lastChange.atMs) + handOverMs + 2 * reactionMs
}

/** Nothing is late, or more would not help. @param otherwise the reason to stay as it is */
function shrink(
  { running, limits, nowMs }: Observation,
  { state, fit, sizes, numbers }: Known,
  allFresh: boolean,
  otherwise: 'Steady' | 'SplitSkew' | 'Starting',
): Choice {
  if (!allFresh) return { size: running, reason: 'MetricsStale' }
  const { lastingLanes } = fit
  const needed = rememberNeeded(state.needed, { atMs: nowMs, lanes: totalLanes(fit.size), lastingLanes })
  const times = { startUpMs: state.startUpMs, handOverMs, patience: patienceAt(state, nowMs) }
  const { size, payBackMs } = smallerThatPays(sizes, running, { ...times, needed, nowMs })
  if (size !== null) return { size, reason: 'Surplus', payBackMs }
  if (otherwise !== 'Steady') return { size: running, reason: otherwise, payBackMs }
  if ((numbers.lagMs ?? 0) > limits.maxLagMs / 2) return { size: running, reason: 'CatchingUp', payBackMs }
  return { size: running, reason: payBackMs === null ? 'Steady' : 'PayBackPending', payBackMs }
}

/** What was asked for was asked for with the backlog in mind that there is now; so only far more changes it. */
function whileStarting(observation: Observation, situation: Known, allFresh: boolean): Choice {
  const { running } = observation
  const { fit, sizes } = situation
  const terms = { ...fit.terms, plannedShare: 1, catchUpMs: 2 * fit.terms.catchUpMs }
  const least = smallestFitting(sizes, fit.splits, terms)
  if (totalLanes(least.size) > totalLanes(running))
    return { size: fit.size, reason: fit.enough ? 'LagAhead' : 'AtMaximum' }
  return shrink(observation, situation, allFresh, 'Starting')
}

function fromZero({ lanes }: Size, { state, fit }: Situation): Choice {
  if (state.idleSinceMs !== null) return { size: { replicas: 0, lanes }, reason: 'Idle' }
  return { size: fit?.size ?? { replicas: 1, lanes }, reason: 'Waking' }
}

/**
 * Nothing is known about now: never less than there is, and not nothing, since a worker sees for itself. The longer nothing
 * is seen, the more may have come; so after some minutes a job that had little to spare gets a reserve.
 */
function blind({ measurements: { splits }, running, limits, state, nowMs }: Observation): Choice {
  const { replicas, lanes } = running
  const hold: Choice = { size: { replicas: Math.max(1, replicas), lanes }, reason: 'MetricsStale' }
  if (splits.length === 0 || !state?.capacity) return hold
  const blindMs = nowMs - Math.max(...splits.map(({ measuredAtMs }) => measuredAtMs))
  const growth = 1 + Math.min(blindGrowthMax, blindMs * blindGrowthPerMs)
  const loads = splits.map(split => ({ inputPerSecond: split.inputPerSecond * growth, backlog: 0 }))
  const fit = (share: number): Size =>
    smallestFitting(sizesOf(limits, splits.length), loads, {
      capacityPerSecond: dependableCapacity(state.capacity!),
      plannedShare: share,
      catchUpMs: limits.maxLagMs,
    }).size
  return totalLanes(fit(1)) > totalLanes(running) ? { ...hold, size: fit(plannedShare) } : hold
}

function unknown({ state, running, nowMs }: Observation): Pick<ScalingDecision, 'state' | 'numbers'> {
  const known = state ?? initialState
  const now = totalLanes(running)
  return {
    state: { ...known, needed: rememberNeeded(known.needed, { atMs: nowMs, lanes: now, lastingLanes: now }) },
    numbers: {
      inputPerSecond: null,
      forecastPerSecond: null,
      capacityPerLane: null,
      lagRecords: null,
      lagMs: null,
      predictedLagMs: null,
      neededLanes: null,
      horizonMs: 0,
      payBackMs: null,
    } satisfies ScalingNumbers,
  }
}

/** What was needed, and whether a size was too small. */
function remembered(observation: Observation, situation: Situation, choice: Choice): AutoscalingState {
  const { running, limits, nowMs } = observation
  const { numbers, state } = situation
  const needs = neededLanes(situation, choice, observation)
  const wanted = totalLanes(choice.size)
  const late = (numbers.lagMs ?? 0) > limits.maxLagMs || wanted > totalLanes(running)
  const regretted = late && forWantOfSize.has(choice.reason) ? regret(state, nowMs) : state
  if (regretted === state) return { ...state, needed: rememberNeeded(state.needed, needs) }
  // That size is not tried again at once, even if by the numbers it would do.
  const lastingLanes = Math.max(needs.lastingLanes, Math.ceil((wanted + totalLanes(running)) / 2))
  return { ...regretted, needed: rememberNeeded(state.needed, { ...needs, lastingLanes }) }
}

/** What to remember of what is needed now. */
function neededLanes(
  { fit }: Pick<Situation, 'fit'>,
  { reason, size }: Choice,
  { running, nowMs }: Pick<Observation, 'running' | 'nowMs'>,
): NeededLanes {
  const now = totalLanes(running)
  const lanes = fit === null ? now : totalLanes(fit.size)
  const lastingLanes = fit?.lastingLanes ?? now
  // Where the lag has another cause than the size, nobody knows whether less would do.
  const unsure = reason === 'ExternalBottleneck' || reason === 'MetricsStale'
  // Where the model said that there was enough and the lag said otherwise, the lag is right.
  const surprised = reason === 'LagAhead' && lanes <= now
  const least = surprised ? totalLanes(size) : unsure ? now : 0
  return { atMs: nowMs, lanes: Math.max(least, lanes), lastingLanes: Math.max(least, lastingLanes) }
}

function decided(
  { running, limits, nowMs }: Observation,
  { size: wanted, reason, payBackMs = null }: Choice,
  { state, numbers }: Pick<ScalingDecision, 'state' | 'numbers'>,
): ScalingDecision {
  const { replicas, lanes } = within(limits, wanted)
  const size = { replicas: reason === 'Idle' ? replicas : Math.max(1, replicas), lanes }
  const from = { replicas: running.replicas, lanes: running.lanes }
  const changes = !sameSize(size, from)
  const shrinks = totalLanes(size) < totalLanes(from)
  return {
    ...size,
    reason: boundReason(
      limits,
      from,
      changes && sameSize(size, within(limits, from)) ? 'OutOfBounds' : reason,
    ),
    numbers: { ...numbers, payBackMs },
    state: changes
      ? {
          ...state,
          lastChange: { atMs: nowMs, from, to: size, readyAtMs: null },
          lastShrunkAtMs: shrinks ? nowMs : state.lastShrunkAtMs,
        }
      : state,
  }
}

/** The same reason, or that it is not the spec which bounds the size. */
function boundReason({ maximumBy, maxReplicas }: Limits, from: Size, reason: ScalingReason): ScalingReason {
  if (maximumBy !== 'connections') return reason
  const tooMany = reason === 'OutOfBounds' && from.replicas > maxReplicas
  return reason === 'AtMaximum' || tooMany ? 'ConnectionLimit' : reason
}
