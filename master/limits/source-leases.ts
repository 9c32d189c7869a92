// All leases of a master: for each limited DataSource and unit one RateLeases, made when somebody first asks. Holders are
// workers, by names that are not used again. Limits may be others each time: a window began, or somebody edited them.
import type { Lease } from '#api/rate-lease.ts'
import type { LimitedUnit } from '#api/source-limits.ts'
import type { LeaseTerms } from './rate-leases.ts'
import { ConnectionLeases } from './connection-leases.ts'
import type { ConnectionRequest } from './connection-leases.ts'
import { CountLeases } from './count-leases.ts'
import { RateLeases } from './rate-leases.ts'

export interface LimitedKey {
  namespace: string
  source: string
  unit: LimitedUnit
}

export interface SourceLeasesOptions extends Omit<LeaseTerms, 'limit'> {
  /** When this master began. */
  sinceMs: number
  /** All who may hold a lease on this source of the master before, and how many things at a time each may have. */
  inherited: (key: LimitedKey) => ReadonlyMap<string, number>
}

/** What holders of one limit have been given. */
export interface LimitState extends LimitedKey {
  limit: number
  holders: readonly { id: string; rate: number }[]
}

type Leases = RateLeases | CountLeases | ConnectionLeases

export class SourceLeases {
  readonly #options: SourceLeasesOptions
  readonly #limits = new Map<string, { key: LimitedKey; limit: number; leases: Leases }>()

  constructor(options: SourceLeasesOptions) {
    this.#options = options
  }

  /** A new lease for the holder; null while nothing may be granted yet: it stays with what it has. */
  request(key: LimitedKey, limit: number, request: ConnectionRequest, nowMs: number): Lease | null {
    const name = `${key.namespace}/${key.source}/${key.unit}`
    let at = this.#limits.get(name)
    if (at === undefined) {
      this.#limits.set(name, (at = { key, limit, leases: this.#leasesOf(key, limit) }))
    }
    at.limit = limit
    at.leases.changeLimit(limit)
    return at.leases.request(request, nowMs)
  }

  #leasesOf(key: LimitedKey, limit: number): Leases {
    const { sinceMs, inherited, ...terms } = this.#options
    const holders = inherited(key)
    if (key.unit === 'connections') return new ConnectionLeases(limit, holders, sinceMs)
    if (key.unit === 'queries') return new CountLeases(limit, holders)
    return new RateLeases({ limit, ...terms }, { sinceMs, holders: [...holders.keys()] })
  }

  /** It uses nothing any more, for sure: its process is gone. */
  forget(id: string): void {
    for (const { leases } of this.#limits.values()) leases.forget(id)
  }

  /** What is given out of one limit now; nothing before somebody asked for it. */
  holdersOf({ namespace, source, unit }: LimitedKey, nowMs: number): LimitState['holders'] {
    return this.#limits.get(`${namespace}/${source}/${unit}`)?.leases.held(nowMs) ?? []
  }

  /** What is given out now, for people. */
  state(nowMs: number): LimitState[] {
    return [...this.#limits.values()].map(({ key, limit, leases }) => ({
      ...key,
      limit,
      holders: leases.held(nowMs),
    }))
  }
}
