// Weighted max-min fairness: what one wants less of than its share goes to the others, in proportion to their weights.
// See D. Bertsekas, R. Gallager, Data Networks, 6.5.2.
import type { LeaseRequest } from '#api/rate-lease.ts'

export type Demand = Pick<LeaseRequest, 'id' | 'weight' | 'wanted'>

/** What each gets, in the unit of the limit: never more than it wants, and together never more than the limit. */
export function fairShares(limit: number, demands: readonly Demand[]): Map<string, number> {
  const shares = new Map<string, number>()
  // By how much they want for their weight: whoever is content leaves what is left to those after it.
  const ordered = demands.toSorted((a, b) => a.wanted / a.weight - b.wanted / b.weight)
  let left = limit
  // Added up from the end, since what is left after subtractions may be nothing when weights lie far apart.
  const weightsFrom = ordered.map(({ weight }) => weight)
  for (let at = ordered.length - 2; at >= 0; at--) weightsFrom[at]! += weightsFrom[at + 1]!
  for (const [at, { id, weight, wanted }] of ordered.entries()) {
    const share = Math.min(wanted, left * (weight / weightsFrom[at]!))
    shares.set(id, share)
    left = Math.max(0, left - share)
  }
  return shares
}
