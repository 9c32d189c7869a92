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
import type { LeasesSent } from './leases-sent.ts'
import { mayHave, withLease } from './leases-sent.ts'
import type { TurnTaker } from './whole-shares.ts'
import { sizeOf, wholeShares } from './whole-shares.ts'

/** JSON has no Infinity; a lease holds until the next one. */
const forMs = Number.MAX_SAFE_INTEGER

/** It wants those it has and could use besides. */
interface Holder extends TurnTaker {
  /** How many it last said to have, or to be free to begin. */
  held: number
  leases: LeasesSent
  lastNumber: number
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
    now.leases = withLease(now.leases, lease)
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

/** One that is silent for longer would not come for what is kept for it. */
const silentMsMax = 10_000

function demandAt(holder: Holder, nowMs: number): Holder {
  return nowMs - holder.heardAtMs > silentMsMax ? { ...holder, wanted: counted(holder) } : holder
}

function counted({ leases, held }: Holder): number {
  return mayHave(leases, held)
}
