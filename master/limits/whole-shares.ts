// Fair shares of a limit that is a number of whole things. Where there are fewer than holders they take turns: whoever waits
// longest for one that rounding left is next, and who has had it longest gives it up.
import type { Demand } from './fair-shares.ts'
import { fairShares } from './fair-shares.ts'

export interface TurnTaker extends Demand {
  /** Whether it has one more than its share rounded down, and when it last came to that. */
  hasExtra: boolean
  extraAtMs: number
}

export interface WholeShare {
  /** Its fair share, rounded down. */
  base: number
  /** Whether it gets one of those that rounding left. */
  hasExtra: boolean
}

/** How long one may have what rounding left before another has its turn. */
const turnMs = 10_000

export function sizeOf({ base, hasExtra }: WholeShare): number {
  return base + (hasExtra ? 1 : 0)
}

/**
 * Fair shares in whole numbers. What is left by rounding down goes, one each, to those that have one for a short time only,
 * then to those that wait for it, the longest first, then to those that have had one for longer.
 */
export function wholeShares(
  limit: number,
  holders: readonly TurnTaker[],
  nowMs: number,
): Map<string, WholeShare> {
  const fair = fairShares(limit, holders)
  const shares = new Map(
    [...fair].map(([id, share]): [string, WholeShare] => [
      id,
      { base: Math.floor(share + 1e-9), hasExtra: false },
    ]),
  )
  let left = limit - [...shares.values()].reduce((sum, { base }) => sum + base, 0)
  const byTurn = holders.toSorted((a, b) => rankOf(a, nowMs) - rankOf(b, nowMs) || byExtra(a, b))
  for (const { id, wanted } of byTurn) {
    if (left < 1) break
    const share = shares.get(id)!
    if (share.base >= wanted) continue
    share.hasExtra = true
    left--
  }
  return shares
}

function rankOf({ hasExtra, extraAtMs }: TurnTaker, nowMs: number): number {
  if (!hasExtra) return 1
  return nowMs - extraAtMs < turnMs ? 0 : 2
}

/** Of those that wait the one that has waited longest comes first, of those that have one the one that had it last. */
function byExtra(a: TurnTaker, b: TurnTaker): number {
  const order = a.extraAtMs === b.extraAtMs ? (a.id < b.id ? -1 : 1) : a.extraAtMs - b.extraAtMs
  return a.hasExtra ? -order : order
}
