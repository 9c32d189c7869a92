// Divides a limit that is a number of things at a time (queries in flight) among all who use it, so that in sum it holds at
// every moment, whatever gets lost. What a holder was given it keeps until it says that it uses a smaller lease, or is gone:
// a query cannot be taken back, and goes on while the master is away. So a holder counts as all it may have: the largest
// of the leases it may have got and not given up, and what it says that it still has.
//
// Where there are fewer than holders, they take turns: whoever was served longest ago is next, and who is not served any
// more ends what it has and begins nothing.
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
  servedAtMs: number
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
      servedAtMs: -Infinity,
      heardAtMs: nowMs,
    }
    const now: Holder = {
      ...holder,
      weight,
      wanted,
      held,
      heardAtMs: nowMs,
      leases: holder.leases.filter(({ number }) => number >= using),
      lastNumber: Math.max(holder.lastNumber, using),
    }
    this.#holders.set(id, now)
    const share = wholeShares(
      this.#limit,
      [...this.#holders.values()].map(each => demandAt(each, nowMs)),
    ).get(id)!
    const count = Math.min(share, Math.max(0, this.#limit - this.#countedWithout(id)))
    const lease = { number: ++now.lastNumber, count }
    now.leases.push(lease)
    // Nobody hears an answer more often than this loses one: those in between are as good as the largest of them.
    if (now.leases.length > leasesMax) now.leases = [largest(now.leases.slice(0, -1)), lease]
    if (count > 0) now.servedAtMs = nowMs
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

/** Fair shares in whole numbers: what is left by rounding down goes, one each, to those that were served longest ago. */
function wholeShares(limit: number, holders: readonly Holder[]): Map<string, number> {
  const shares = fairShares(limit, holders)
  const whole = new Map([...shares].map(([id, share]) => [id, Math.floor(share + 1e-9)]))
  let left = limit - [...whole.values()].reduce((sum, share) => sum + share, 0)
  const inTurn = holders.toSorted((a, b) => a.servedAtMs - b.servedAtMs || (a.id < b.id ? -1 : 1))
  for (const { id, wanted } of inTurn) {
    if (left < 1) break
    if (whole.get(id)! >= Math.min(wanted, limit)) continue
    whole.set(id, whole.get(id)! + 1)
    left--
  }
  return whole
}
