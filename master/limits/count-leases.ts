// Divides a limit that is a number of things at a time (queries in flight) among all who use it, so that in sum it holds at
// every moment, whatever gets lost. What a holder was given it keeps until it says that it uses a smaller lease, or is gone:
// a query cannot be taken back, and goes on while the master is away. So a holder counts as all it may have: the largest
// of the leases it may have got and not given up, and what it says that it still has.
//
// Where there are fewer than holders, they take turns: whoever waits longest is next, and who has had its turn longest ends
// what it has and begins nothing.
//
// Pure: time comes with each call. Kept by whoever is master; a new one counts everyone who may hold anything at all that
// it may hold, until it has heard from it or knows that it is gone.
import type { Lease, LeaseRequest } from '#api/rate-lease.ts'
import { fairShares } from './fair-shares.ts'

/** JSON has no Infinity; a lease holds until the next one. */
const forMs = Number.MAX_SAFE_INTEGER

interface Holder {
  id: string
  weight: number
  /** How many it has and could use besides. */
  wanted: number
  /** How many it last said to have, or to be free to begin. */
  held: number
  /** Those it may be using, oldest first. */
  leases: { number: number; count: number }[]
  lastNumber: number
  /** Whether it has one more than its share rounded down, and when it last came to that. */
  hasExtra: boolean
  extraAtMs: number
  heardAtMs: number
}

export class CountLeases {
  #limit: number
  readonly #holders = new Map<string, Holder>()
  /** Of the master before, and how many each may have. */
  readonly #unheard: Map<string, number>

  /** @param inherited who may hold anything of the master before, and how much at most */
  constructor(limit: number, inherited: ReadonlyMap<string, number>) {
    this.#limit = limit
    this.#unheard = new Map(inherited)
  }

  /** A new lease for the holder. */
  request({ id, weight, wanted, using, held = 0 }: LeaseRequest, nowMs: number): Lease {
    this.#unheard.delete(id)
    const holder = this.#holders.get(id) ?? {
      id,
      leases: [],
      lastNumber: 0,
      hasExtra: false,
      extraAtMs: -Infinity,
      heardAtMs: nowMs,
    }
    const now: Holder = {
      ...holder,
      weight,
      wanted,
      held,
      heardAtMs: nowMs,
      // What it may do by the one it uses it tells itself.
      leases: holder.leases.filter(({ number }) => number > using),
      lastNumber: Math.max(holder.lastNumber, using),
    }
    this.#holders.set(id, now)
    const demands = [...this.#holders.values()].map(each => demandAt(each, nowMs))
    const share = wholeShares(this.#limit, demands, nowMs).get(id)!
    const room = this.#limit - this.#countedWithout(id)
    // What it has it may keep: that is counted already.
    const count = Math.max(0, Math.min(sizeOf(share), Math.max(room, counted(now))))
    const hasExtra = count > share.base
    if (hasExtra && !now.hasExtra) now.extraAtMs = nowMs
    now.hasExtra = hasExtra
    const lease = { number: ++now.lastNumber, count }
    now.leases.push(lease)
    // Nobody hears an answer more often than this loses one: those in between are as good as the largest of them.
    if (now.leases.length > leasesMax) now.leases = [largest(now.leases.slice(0, -1)), lease]
    return { number: lease.number, rate: count, forMs, floor: count }
  }

  /** For leases from now on; what was given by a higher one is used until it is given up. */
  changeLimit(limit: number): void {
    this.#limit = limit
  }

  /** What each may have now. */
  held(): { id: string; rate: number }[] {
    return [...this.#holders.values()].map(holder => ({ id: holder.id, rate: counted(holder) }))
  }

  /** It has nothing any more, for sure: its process is gone. */
  forget(id: string): void {
    this.#holders.delete(id)
    this.#unheard.delete(id)
  }

  #countedWithout(id: string): number {
    let sum = 0
    for (const count of this.#unheard.values()) sum += count
    for (const holder of this.#holders.values()) if (holder.id !== id) sum += counted(holder)
    return sum
  }
}

const leasesMax = 50
/** How long one may begin queries before another has its turn. */
const turnMs = 10_000
/** One that is silent for longer would not come for what is kept for it. */
const silentMsMax = 10_000

function demandAt(holder: Holder, nowMs: number): Holder {
  return nowMs - holder.heardAtMs > silentMsMax ? { ...holder, wanted: counted(holder) } : holder
}

function counted({ leases, held }: Holder): number {
  return Math.max(held, ...leases.map(({ count }) => count))
}

/** Of leases whose answers may be lost: one that stands for all. */
function largest(leases: Holder['leases']): Holder['leases'][number] {
  return { number: leases.at(-1)!.number, count: Math.max(...leases.map(({ count }) => count)) }
}

interface Share {
  /** Its fair share, rounded down. */
  base: number
  /** Whether it gets one of those that rounding left. */
  hasExtra: boolean
}

function sizeOf({ base, hasExtra }: Share): number {
  return base + (hasExtra ? 1 : 0)
}

/**
 * Fair shares in whole numbers. What is left by rounding down goes, one each, to those that have one for a short time only,
 * then to those that wait for it, the longest first, then to those that have had one for longer.
 */
function wholeShares(limit: number, holders: readonly Holder[], nowMs: number): Map<string, Share> {
  const fair = fairShares(limit, holders)
  const shares = new Map(
    [...fair].map(([id, share]): [string, Share] => [
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

function rankOf({ hasExtra, extraAtMs }: Holder, nowMs: number): number {
  if (!hasExtra) return 1
  return nowMs - extraAtMs < turnMs ? 0 : 2
}

/** Of those that wait the one that has waited longest comes first, of those that have one the one that had it last. */
function byExtra(a: Holder, b: Holder): number {
  const order = a.extraAtMs === b.extraAtMs ? (a.id < b.id ? -1 : 1) : a.extraAtMs - b.extraAtMs
  return a.hasExtra ? -order : order
}
