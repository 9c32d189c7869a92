// The limits of a job's source as its main thread sees them: what each lane draws from, what was used, and whether
// readers wait for more.
import type { Plan } from '#api/plan.ts'
import type { Lease, LeaseRequest } from '#api/rate-lease.ts'
import type { LimitedUnit, LimitsInForce } from '#api/source-limits.ts'
import { limitedUnits, rateUnits, workerConnectionsMin } from '#api/source-limits.ts'
import type { Clock } from '#common/clock.ts'
import type { ConnectionPermits } from '#connectors/read-pace.ts'
import { ConnectionLeases } from '#master/limits/connection-leases.ts'
import { leaseWeights } from '#master/limits/lease-weights.ts'
import { limitsAt } from '#master/limits/limits-at.ts'
import { LeasedConnections } from './leased-connections.ts'
import type { Limited } from './limited-unit.ts'
import { limitedUnit } from './limited-unit.ts'
import type { RateMemory } from './rate-memory.ts'
import { newRateMemory } from './rate-memory.ts'
import type { PaceData } from './source-pace.ts'

/** Rates by DataSource and unit, for all jobs of the process. */
export class SourceRates {
  readonly #memories = new Map<string, RateMemory>()
  readonly #connections = new Map<string, ConnectionLeases>()

  of({ job, source }: Plan, unit: LimitedUnit): RateMemory {
    // Of connections each job has its own, or one that has some could wait for ever for more that another has.
    const of = unit === 'connections' ? `${unit}/${job.name}` : unit
    const key = `${job.namespace}/${source.name}/${of}`
    let memory = this.#memories.get(key)
    if (memory === undefined) this.#memories.set(key, (memory = newRateMemory()))
    return memory
  }

  /** Who divides the connections among the jobs of the process, where there is no master. */
  connectionsOf({ job, source }: Plan, limit: number): ConnectionLeases {
    const key = `${job.namespace}/${source.name}`
    let leases = this.#connections.get(key)
    if (leases === undefined)
      this.#connections.set(key, (leases = new ConnectionLeases(limit, new Map(), null)))
    return leases
  }
}

/** What one look at a limit found. */
export interface LimitUse {
  unit: LimitedUnit
  /** Units per second that may be used now, or at a time. */
  rate: number
  /** Since the beginning; of those at a time, how many were begun. */
  used: number
  waitedMs: number
}

const lookIntervalMs = 1_000
/** Looks over which the part of the time that readers waited is told: status and conditions must not flicker. */
const smoothedLooks = 15
/** From where on it counts as being throttled, and below which it does not any more. */
const throttledShare = { from: 0.3, until: 0.1 }
/** Of a rate, from where on it counts as used up. */
const usedUpShare = 0.9
/** What a worker asks for whose readers hardly wait: so much more than they used. */
const headroom = 1.5

interface Look {
  /** Units per second since the look before. */
  usedRate: number
  /** Part of the time that readers waited, added up over them: since the look before, and of late. */
  waited: number
  waitedOfLate: number
}

const unlooked: Look = { usedRate: Infinity, waited: 0, waitedOfLate: 0 }

export interface LimitedSourceOptions {
  plan: Plan
  rates: SourceRates
  clock: Clock
  /** Whether a master says how much may be used. Otherwise the worker gives itself all that the limits allow. */
  leased: boolean
}

export class LimitedSource {
  readonly #options: LimitedSourceOptions
  readonly #limited = new Map<LimitedUnit, Limited>()
  readonly #looks = new Map<LimitedUnit, Look>()
  #throttledBy: LimitedUnit | null = null
  #holders: Lease['holders'] | null = null

  constructor(options: LimitedSourceOptions) {
    this.#options = options
    const { plan, rates, clock } = options
    const { limits } = plan.source
    if (limits === undefined) return
    const inForce = limitsAt(limits, clock.nowMs())
    for (const unit of limitedUnits) {
      if (inForce[unit] === null) continue
      const { lanes } = plan.worker
      this.#limited.set(unit, limitedUnit(unit, rates.of(plan, unit), { lanes, clock }))
    }
  }

  get isLimited(): boolean {
    return this.#limited.size > 0
  }

  /** What has kept the readers back most of late; null when they get about what they can use. */
  get throttledBy(): LimitedUnit | null {
    return this.#throttledBy
  }

  /** Whether it may make connections: before it is given the least it needs it can do nothing. */
  get isAdmitted(): boolean {
    const connections = this.#limited.get('connections')
    return connections === undefined || connections.allowed >= workerConnectionsMin
  }

  /** The jobs that have the connections this one waits for, and how many each; null: it does not, or nobody has told. */
  get holders(): Lease['holders'] | null {
    return this.isAdmitted ? null : this.#holders
  }

  /** What the main thread must ask before it makes connections; undefined: nothing. */
  get connections(): ConnectionPermits | undefined {
    const limited = this.#limited.get('connections')
    return limited && new LeasedConnections(limited.memory, this.#options.clock, limited.tallies.at(-1)!)
  }

  /** Part of the time that readers waited of late, 0 to 1. */
  get waitedShare(): number {
    return Math.min(1, Math.max(0, ...[...this.#looks.values()].map(({ waitedOfLate }) => waitedOfLate)))
  }

  /** What a lane needs to keep to the limits; null when there are none. */
  paceOf(lane: number): PaceData | null {
    if (!this.isLimited) return null
    const of = (unit: LimitedUnit): PaceData['turns'] => {
      const limited = this.#limited.get(unit)
      return limited && { memory: limited.memory, tally: limited.tallies[lane]!.memory }
    }
    const rates: PaceData['rates'] = {}
    for (const unit of rateUnits) if (this.#limited.has(unit)) rates[unit] = of(unit)!
    const [turns, connections] = [of('queries'), of('connections')]
    return { rates, weight: this.#weight, ...(turns && { turns }), ...(connections && { connections }) }
  }

  use(): LimitUse[] {
    return [...this.#limited].map(([unit, { allowed, tallies }]) => ({
      unit,
      rate: allowed,
      used: sum(tallies.map(({ used }) => used)),
      waitedMs: sum(tallies.map(({ waitedMs }) => waitedMs)),
    }))
  }

  /** What to ask the master for; the units are the ids. */
  requests(): LeaseRequest[] {
    return [...this.#limited].map(([unit, limited]) => {
      const { usedRate, waited } = this.#looks.get(unit) ?? unlooked
      const wanted = waited >= throttledShare.until ? Infinity : usedRate * headroom
      return { id: unit, weight: this.#weight, ...limited.demand(wanted) }
    })
  }

  /** @param askedAtMs when they were asked for, by the monotonic clock */
  grant(leases: readonly (Lease & { id: string })[], askedAtMs: number): void {
    for (const { id, ...lease } of leases) {
      this.#limited.get(id as LimitedUnit)?.grant(lease, askedAtMs)
      if (id === 'connections') this.#holders = lease.holders ?? null
    }
  }

  /** The readers have ended. Under `sluice run` others may draw from the same. */
  leave(): void {
    if (this.#options.leased) for (const limited of this.#limited.values()) limited.giveUp()
    else if (this.#limited.has('connections')) {
      this.#limited.get('connections')!.giveUp()
      this.#shareConnections()
    }
  }

  /** Whether anything is held until it is given up. */
  get holds(): boolean {
    return this.#limited.has('queries') || this.#limited.has('connections')
  }

  /** Looks at what is used until the signal aborts, and without a master gives the readers what the limits allow. */
  async run(signal: AbortSignal): Promise<void> {
    if (!this.isLimited) return
    const { clock, leased } = this.#options
    while (!signal.aborted) {
      if (!leased) this.#setRates(limitsAt(this.#options.plan.source.limits!, clock.nowMs()))
      const [before, sinceMs] = [this.use(), clock.monotonicMs()]
      await clock.sleep(lookIntervalMs, signal)
      this.#look(before, clock.monotonicMs() - sinceMs)
    }
  }

  get #weight(): number {
    return leaseWeights[this.#options.plan.priority]
  }

  #look(before: readonly LimitUse[], duringMs: number): void {
    if (duringMs <= 0) return
    for (const [index, { unit, rate, used, waitedMs }] of this.use().entries()) {
      const usedRate = ((used - before[index]!.used) / duringMs) * 1000
      // A server that is far away takes up the time that readers would wait: then the rate shows that it is the limit.
      const isUsedUp = isRate(unit) && rate > 0 && usedRate >= rate * usedUpShare
      const waited = isUsedUp ? 1 : (waitedMs - before[index]!.waitedMs) / duringMs
      const { waitedOfLate } = this.#looks.get(unit) ?? unlooked
      this.#looks.set(unit, {
        usedRate,
        waited,
        waitedOfLate: waitedOfLate + (Math.min(waited, 1) - waitedOfLate) / smoothedLooks,
      })
    }
    const [most] = [...this.#looks].toSorted(([, a], [, b]) => b.waitedOfLate - a.waitedOfLate)
    const share = most![1].waitedOfLate
    if (share >= throttledShare.from) this.#throttledBy = most![0]
    else if (share < throttledShare.until) this.#throttledBy = null
  }

  /** The part of this job, without a master. */
  #shareConnections(): void {
    const { plan, rates, clock } = this.#options
    const nowMs = clock.monotonicMs()
    const leases = rates.connectionsOf(plan, plan.source.limits!.connections!)
    const { demand } = this.#limited.get('connections')!
    const request = { id: plan.job.name, process: 1, weight: this.#weight, ...demand(Infinity) }
    const lease = leases.request(request, nowMs)
    const holders = leases.held().map(({ id, rate }) => ({ job: id, count: rate }))
    this.grant([{ ...lease, id: 'connections', holders }], nowMs)
  }

  #setRates(inForce: LimitsInForce): void {
    const nowMs = this.#options.clock.monotonicMs()
    for (const [unit, limited] of this.#limited) {
      const limit = inForce[unit]!
      if (unit === 'connections') this.#shareConnections()
      if (unit === 'connections' || limited.allowed === limit) continue
      limited.grant({ number: limited.using + 1, rate: limit, forMs: Infinity, floor: limit }, nowMs)
    }
  }
}

function isRate(unit: LimitedUnit): boolean {
  return (rateUnits as readonly LimitedUnit[]).includes(unit)
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, each) => total + each, 0)
}
