// Divides one limit of a source (records/s, bytes/s) among all who read it, so that in sum it holds at
// every moment, whatever gets lost. What a holder may use is leased: after the lease ends it falls back to the floor
// that came with it, for as long as nobody tells it otherwise. So a holder counts as all it may be using: the largest
// of the leases it might have got and not yet given up, and its floor for ever after. What one gives up another gets
// only when the first has said that it uses the smaller lease, or when the larger one has ended.
//
// Pure: time comes with each call. Kept by whoever is master; a new one knows no leases, and so grants nothing for as long
// as those of the one before may last, and leaves room for their floors until it has heard from everyone who may have
// one. Why so: docs/decisions/0018-limits-by-leases.md
import type { Lease, LeaseRequest } from '#api/rate-lease.ts'
import type { Demand } from './fair-shares.ts'
import { fairShares } from './fair-shares.ts'

interface Outstanding extends Lease {
  endsAtMs: number
}

interface Holder {
  demand: Demand
  /** Those it may be using, oldest first. */
  leases: Outstanding[]
  lastNumber: number
}

export interface LeaseTerms {
  limit: number
  /** How long a lease lasts. */
  leaseMs: number
  /** How much longer it counts here, for a request that was long on its way and for clocks that run apart. */
  graceMs: number
  /** The part of the limit that all floors together take at most, 0 to 1: what a new master has to reckon with. */
  floorShare: number
}

/** What a new master finds. */
export interface Inheritance {
  /** When it began. */
  sinceMs: number
  /** All who may hold a lease of the one before. */
  holders: readonly string[]
}

export class RateLeases {
  #terms: LeaseTerms
  readonly #holders = new Map<string, Holder>()
  readonly #grantsFromMs: number
  /** Those that may use a floor of the master before. */
  readonly #unheard: Set<string>

  /** @param inherited null: there was no master before */
  constructor(terms: LeaseTerms, inherited: Inheritance | null) {
    this.#terms = terms
    this.#grantsFromMs = inherited === null ? -Infinity : inherited.sinceMs + terms.leaseMs + terms.graceMs
    this.#unheard = new Set(inherited?.holders)
  }

  /** A new lease for the holder; null while nothing may be granted yet: it stays with what it has. */
  request({ using, ...demand }: LeaseRequest, nowMs: number): Lease | null {
    if (nowMs < this.#grantsFromMs) return null
    const holder = this.#holders.get(demand.id) ?? { demand, leases: [], lastNumber: 0 }
    // It uses one of ours, or had none.
    if (using === 0 || holder.leases.some(({ number }) => number === using)) this.#unheard.delete(demand.id)
    holder.demand = demand
    holder.lastNumber = Math.max(holder.lastNumber, using)
    // It uses this one, so it has given up those before.
    holder.leases = withoutEnded(
      holder.leases.filter(({ number }) => number >= using),
      nowMs,
    )
    this.#holders.set(demand.id, holder)
    const { limit, leaseMs, graceMs, floorShare } = this.#terms
    const demands = [...this.#holders.values()].map(each =>
      each === holder ? demand : demandAt(each, nowMs),
    )
    const floors = fairShares(
      limit * floorShare,
      demands.map(each => ({ ...each, wanted: Infinity })),
    )
    const held = this.#heldByOthers(demand.id, nowMs)
    const room = Math.max(0, limit - held.rates)
    const floor = Math.min(room, floors.get(demand.id)!, Math.max(0, limit * floorShare - held.floors))
    const lease: Lease = {
      number: ++holder.lastNumber,
      rate: Math.min(room, Math.max(fairShares(limit, demands).get(demand.id)!, floor)),
      forMs: leaseMs,
      floor,
    }
    holder.leases.push({ ...lease, endsAtMs: nowMs + leaseMs + graceMs })
    return lease
  }

  /** For leases from now on; those that were granted by a higher one hold until they end or their holders ask again. */
  changeLimit(limit: number): void {
    if (limit !== this.#terms.limit) this.#terms = { ...this.#terms, limit }
  }

  /** What each may be using now. */
  held(nowMs: number): { id: string; rate: number }[] {
    return [...this.#holders].map(([id, { leases }]) => ({ id, rate: largestAt(leases, nowMs) }))
  }

  /** It uses nothing any more, for sure: its process is gone. */
  forget(id: string): void {
    this.#holders.delete(id)
    this.#unheard.delete(id)
  }

  /** What they may be using now, and what they may fall back to. */
  #heldByOthers(id: string, nowMs: number): { rates: number; floors: number } {
    const inherited = this.#unheard.size === 0 ? 0 : this.#terms.limit * this.#terms.floorShare
    const held = { rates: inherited, floors: inherited }
    for (const [other, { leases }] of this.#holders) {
      if (other === id) continue
      held.rates += largestAt(leases, nowMs)
      held.floors += floorOf(leases)
    }
    return held
  }
}

/** One whose leases have all ended uses no more than its floor, so the rest of its share is for the others. */
function demandAt({ demand, leases }: Holder, nowMs: number): Demand {
  if (leases.some(({ endsAtMs }) => endsAtMs > nowMs)) return demand
  return { ...demand, wanted: floorOf(leases) }
}

/** What one with these leases may be using. */
function largestAt(leases: readonly Outstanding[], nowMs: number): number {
  return Math.max(0, ...leases.map(({ rate, floor, endsAtMs }) => (endsAtMs > nowMs ? rate : floor)))
}

/** What it may fall back to. */
function floorOf(leases: readonly Outstanding[]): number {
  return Math.max(0, ...leases.map(({ floor }) => floor))
}

/** Of those that ended only their largest floor counts: one stands for them all. */
function withoutEnded(leases: Outstanding[], nowMs: number): Outstanding[] {
  const ended = leases.filter(({ endsAtMs }) => endsAtMs <= nowMs)
  const last = ended.at(-1)
  if (last === undefined) return leases
  return [{ ...last, floor: floorOf(ended) }, ...leases.filter(({ endsAtMs }) => endsAtMs > nowMs)]
}
