// Which size is enough: splits are dealt as the assignment would deal them, heaviest first to the least loaded lane, and
// every lane has to carry what it gets. A sum over all lanes would hide that one of them does not.
import type { Size } from './model.ts'
import { totalLanes } from './model.ts'

export interface ExpectedSplit {
  inputPerSecond: number
  /** Records that wait for it when the size is in effect. */
  backlog: number
}

export interface Terms {
  /** Of a lane. */
  capacityPerSecond: number
  /** Share of it that the expected input may take; the rest is for what is not expected. */
  plannedShare: number
  /** Time in which the backlog has to be gone. */
  catchUpMs: number
}

export interface Fit {
  size: Size
  /** False: not even this one, the largest there is. */
  enough: boolean
}

/** The smallest size of those, smallest first, that carries the splits. */
export function smallestFitting(sizes: readonly Size[], splits: readonly ExpectedSplit[], terms: Terms): Fit {
  const sorted = byWork(splits, terms)
  // Most sizes are ruled out by the sum, which is quick.
  const { capacityPerSecond } = terms
  const shareable = sorted.reduce((sum, { work }) => sum + Math.min(work, capacityPerSecond), 0)
  const lanesMin = shareable / capacityPerSecond
  const size = sizes.find(each => totalLanes(each) >= lanesMin && fits(sorted, totalLanes(each), terms))
  return size === undefined ? { size: sizes.at(-1)!, enough: false } : { size, enough: true }
}

/** Records/s of the lane that gets the most, were the splits dealt anew over so many lanes. */
export function largestShare(splits: readonly ExpectedSplit[], lanes: number, terms: Terms): number {
  return Math.max(...deal(byWork(splits, terms), lanes).map(({ work }) => work))
}

interface Load {
  inputPerSecond: number
  /** Input, and the backlog over the time it has to be gone in: records/s. */
  work: number
}

interface DealtLane extends Load {
  splits: number
}

function byWork(splits: readonly ExpectedSplit[], { catchUpMs }: Terms): Load[] {
  return splits
    .map(({ inputPerSecond, backlog }) => ({
      inputPerSecond,
      work: inputPerSecond + (backlog * 1000) / catchUpMs,
    }))
    .toSorted((a, b) => b.work - a.work)
}

function fits(sorted: readonly Load[], lanes: number, { capacityPerSecond, plannedShare }: Terms): boolean {
  return deal(sorted, lanes).every(
    ({ splits, inputPerSecond, work }) =>
      // A split that has a lane to itself is as well off as it can be.
      splits <= 1 || (inputPerSecond <= plannedShare * capacityPerSecond && work <= capacityPerSecond),
  )
}

function deal(sorted: readonly Load[], lanes: number): DealtLane[] {
  const dealt: DealtLane[] = Array.from({ length: lanes }, () => ({ splits: 0, inputPerSecond: 0, work: 0 }))
  for (const { inputPerSecond, work } of sorted) {
    let least = dealt[0]!
    for (const lane of dealt) if (lane.work < least.work) least = lane
    least.splits++
    least.inputPerSecond += inputPerSecond
    least.work += work
  }
  return dealt
}
