// One kind of limit of a source, as the main thread of a worker sees it: by the second, or at a time.
import type { Lease, LeaseRequest } from '#api/rate-lease.ts'
import type { LimitedUnit } from '#api/source-limits.ts'
import type { Clock } from '#common/clock.ts'
import { LeasedConnections } from './leased-connections.ts'
import { LeasedRate } from './leased-rate.ts'
import { LeasedTurns } from './leased-turns.ts'
import type { RateMemory } from './rate-memory.ts'
import { RateTally } from './rate-memory.ts'

export interface Limited {
  memory: RateMemory
  /** Of each lane. */
  tallies: readonly RateTally[]
  /** How much may be used now: units per second, or at a time. */
  readonly allowed: number
  /** Number of the lease in use. */
  readonly using: number
  /** @param wantedRate units per second that the readers could use */
  demand: (wantedRate: number) => Pick<LeaseRequest, 'wanted' | 'using' | 'held' | 'least'>
  /** Nothing will be used any more: what is held in hand for it is for others. */
  giveUp: () => void
  /** @param askedAtMs when it was asked for, by the monotonic clock */
  grant: (lease: Lease, askedAtMs: number) => void
}

export function limitedUnit(
  unit: LimitedUnit,
  memory: RateMemory,
  { lanes, clock }: { lanes: number; clock: Clock },
): Limited {
  // The main thread makes connections as well; its tally comes after those of the lanes.
  const length = unit === 'connections' ? lanes + 1 : lanes
  const tallies = Array.from({ length }, () => new RateTally())
  if (unit === 'queries') return atATime(new LeasedTurns(memory, clock, new RateTally()), memory, tallies)
  if (unit === 'connections')
    return atATime(new LeasedConnections(memory, clock, new RateTally()), memory, tallies)
  return bySecond(memory, tallies, clock)
}

function bySecond(memory: RateMemory, tallies: readonly RateTally[], clock: Clock): Limited {
  const rate = new LeasedRate(memory, clock)
  return {
    memory,
    tallies,
    get allowed() {
      return rate.rate
    },
    get using() {
      return rate.using
    },
    demand: wanted => ({ wanted, using: rate.using }),
    giveUp: () => undefined,
    grant: (lease, askedAtMs) => rate.grant(lease, askedAtMs),
  }
}

function atATime(
  turns: LeasedTurns | LeasedConnections,
  memory: RateMemory,
  tallies: readonly RateTally[],
): Limited {
  return {
    memory,
    tallies,
    get allowed() {
      return turns.count
    },
    get using() {
      return turns.demand.using
    },
    demand: () => turns.demand,
    giveUp: () => turns.giveUp(),
    grant: lease => turns.grant(lease),
  }
}
