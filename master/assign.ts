// Which lane of a worker reads which split, by the same rule as which worker does (assignment/balance.ts).
import type { Split } from '#connectors/connector.ts'
import { even, place } from './assignment/balance.ts'

/** One list of splits per lane. `current` maps split ids to the lane that holds them now. */
export function assignSplits(
  splits: readonly Split[],
  lanes: number,
  current: ReadonlyMap<string, number>,
): Split[][] {
  const carriers = Array.from({ length: lanes }, (_, lane) => ({ id: String(lane), capacity: 1 }))
  const held = splits.map(({ id, weight }) => ({ id, weight, carrier: String(current.get(id) ?? '') }))
  const placed = place(held, carriers)
  const pieces = held.map(piece => ({ ...piece, carrier: placed.get(piece.id) ?? piece.carrier }))
  const moved = even(pieces, carriers)
  const assigned: Split[][] = carriers.map(() => [])
  for (const [at, { id, carrier }] of pieces.entries())
    assigned[Number(moved.get(id) ?? carrier)]!.push(splits[at]!)
  return assigned
}
