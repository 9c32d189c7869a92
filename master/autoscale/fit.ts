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
  const lanesMin = lanesAtLeast(sorted, terms)
  const size = sizes.find(each => totalLanes(each) >= lanesMin && fits(sorted, totalLanes(each), terms))
  return size === undefined ? { size: sizes.at(-1)!, enough: false } : { size, enough: true }
}

/** Records/s of the lane that gets the most, were the splits dealt anew over so many lanes. */
export function largestShare(splits: readonly ExpectedSplit[], lanes: number, terms: Terms): number {
  return Math.max(...deal(byWork(splits, terms), lanes).work)
}

interface Load {
  inputPerSecond: number
  /** Input, and the backlog over the time it has to be gone in: records/s. */
  work: number
}

/** By lane. */
interface Dealt {
  splits: Int32Array
  inputPerSecond: Float64Array
  work: Float64Array
}

function byWork(splits: readonly ExpectedSplit[], { catchUpMs }: Terms): Load[] {
  const loads = splits.map(({ inputPerSecond, backlog }) => ({
    inputPerSecond,
    work: inputPerSecond + (backlog * 1000) / catchUpMs,
  }))
  return loads.sort((a, b) => b.work - a.work)
}

/** Rules most sizes out by sums, which is quick. */
function lanesAtLeast(loads: readonly Load[], { capacityPerSecond, plannedShare }: Terms): number {
  const planned = plannedShare * capacityPerSecond
  let work = 0
  let input = 0
  for (const load of loads) {
    work += Math.min(load.work, capacityPerSecond)
    input += Math.min(load.inputPerSecond, planned)
  }
  // A little less, for the sums' rounding.
  return Math.max(work / capacityPerSecond, input / planned) - 1e-9
}

function fits(sorted: readonly Load[], lanes: number, { capacityPerSecond, plannedShare }: Terms): boolean {
  const { splits, inputPerSecond, work } = deal(sorted, lanes)
  // A split that has a lane to itself is as well off as it can be.
  return splits.every(
    (count, lane) =>
      count <= 1 ||
      (inputPerSecond[lane]! <= plannedShare * capacityPerSecond && work[lane]! <= capacityPerSecond),
  )
}

function deal(sorted: readonly Load[], lanes: number): Dealt {
  const splits = new Int32Array(lanes)
  const inputs = new Float64Array(lanes)
  const works = new Float64Array(lanes)
  for (const { inputPerSecond, work } of sorted) {
    let least = 0
    for (let lane = 1; lane < lanes; lane++) if (works[lane]! < works[least]!) least = lane
    splits[least]!++
    inputs[least]! += inputPerSecond
    works[least]! += work
  }
  return { splits, inputPerSecond: inputs, work: works }
}
