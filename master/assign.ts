// Which lane reads which split: heaviest split first to the least loaded lane, but a split stays where it is
// as long as that does not make its lane carry more than a fair share needs.
import type { Split } from '#connectors/connector.ts'

/** One list of splits per lane. `current` maps split ids to the lane that holds them now. */
export function assignSplits(
  splits: readonly Split[],
  lanes: number,
  current: ReadonlyMap<string, number>,
): Split[][] {
  const assigned: Split[][] = Array.from({ length: lanes }, () => [])
  const load = new Float64Array(lanes)
  const total = splits.reduce((sum, split) => sum + split.weight, 0)
  const heaviest = splits.reduce((max, split) => Math.max(max, split.weight), 0)
  const fairShare = Math.max(total / lanes, heaviest)
  const byWeight = splits.toSorted((a, b) => b.weight - a.weight || (a.id < b.id ? -1 : 1))
  const place = (split: Split, lane: number): void => {
    assigned[lane]!.push(split)
    load[lane]! += split.weight
  }
  const moving = byWeight.filter(split => {
    const lane = current.get(split.id)
    if (lane === undefined || lane >= lanes || load[lane]! + split.weight > fairShare * 1.001) return true
    place(split, lane)
    return false
  })
  for (const split of moving) {
    let least = 0
    for (let lane = 1; lane < lanes; lane++) if (load[lane]! < load[least]!) least = lane
    place(split, least)
  }
  return assigned
}
