// The connections to a source that a worker was given (master/limits/connection-leases.ts), as its main thread and its lanes
// use them: whoever would make one waits until it may. So that nobody waits for ever, what lasts (a reader, an open snapshot)
// leaves one for what is brief, which then always ends, and readers begin nothing while a snapshot is to be opened. With the
// least a worker is given, one reader and one snapshot beside it can last.
import type { Lease, LeaseRequest } from '#api/rate-lease.ts'
import { workerConnectionsMin } from '#api/source-limits.ts'
import type { Clock } from '#common/clock.ts'
import type { ConnectionPermits, ConnectionUse } from '#connectors/read-pace.ts'
import type { Beginner } from './leased-count.ts'
import { LeasedCount, countField } from './leased-count.ts'
import type { RateMemory, RateTally } from './rate-memory.ts'

/** Indexes of the numbers. */
const field = {
  ...countField,
  lasting: countField.own,
  waiting: countField.own + 1,
  snapshots: countField.own + 2,
} as const

const lookMs = 50

const brief: Beginner = {
  lookMs,
  isLimited: false,
  wait: () => undefined,
  begin: () => true,
  end: () => undefined,
}

const snapshot: Beginner = {
  lookMs,
  isLimited: false,
  wait: (numbers, more) => {
    numbers[field.waiting]! += more
    numbers[field.snapshots]! += more
  },
  begin: numbers => {
    if (numbers[field.lasting]! >= numbers[field.count]! - 1) return false
    numbers[field.lasting]!++
    return true
  },
  end: numbers => {
    numbers[field.lasting]!--
  },
}

const reader: Beginner = {
  ...snapshot,
  isLimited: true,
  wait: (numbers, more) => {
    numbers[field.waiting]! += more
  },
  begin: numbers => numbers[field.snapshots] === 0 && snapshot.begin(numbers),
}

const beginners: Readonly<Record<ConnectionUse, Beginner>> = { brief, snapshot, reader }

export class LeasedConnections implements ConnectionPermits {
  readonly #leased: LeasedCount

  constructor(memory: RateMemory, clock: Clock, tally: RateTally) {
    this.#leased = new LeasedCount(memory, clock, tally)
  }

  /** How many there may be at a time, now: 0, or at least what a worker needs. */
  get count(): number {
    return this.#leased.count
  }

  /** What to tell the master. */
  get demand(): Required<Pick<LeaseRequest, 'wanted' | 'held' | 'using' | 'least'>> {
    return this.#leased.with(numbers => {
      const lasting = numbers[field.lasting]! + numbers[field.waiting]!
      return {
        wanted: numbers[field.left] === 1 ? 0 : Math.max(workerConnectionsMin, lasting + 1),
        held: Math.max(numbers[field.held]!, numbers[field.count]!),
        using: numbers[field.number]!,
        least: workerConnectionsMin,
      }
    })
  }

  grant(lease: Lease): void {
    this.#leased.grant(lease)
  }

  /** None will be made any more. */
  giveUp(): void {
    this.#leased.giveUp()
  }

  enter(use: ConnectionUse, signal: AbortSignal): Promise<() => void> {
    return this.#leased.enter(beginners[use], signal)
  }
}
