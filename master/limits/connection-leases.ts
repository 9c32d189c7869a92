// Divides the connections that a source may have among the workers of all its jobs, so that in sum it holds at every moment,
// whatever gets lost, and nobody waits for ever for one that is held by somebody who waits as well. A worker that had its
// snapshot open and no connection to read it by would be stuck, and with it whoever waits for what it holds. So a worker is
// given the least with which it can do all its work, or nothing (`least`), and it begins nothing before. What it has of that
// it keeps for as long as it lives: its stream is not ended for another. Of those that wait the one with the highest
// priority is next, then the one that came first, and nobody is served before it. What is beyond the least of all goes to
// those that could use more, in fair shares, and is given back when it is needed for somebody's least.
//
// As in count-leases.ts, what a holder was given counts until it says that it uses a smaller lease, or is gone. A
// process that ended without a word counts for some seconds more: so long its server may take to notice.
//
// Pure: time comes with each call. A new master gives nobody more than it has until those that died under the one before
// are surely gone, and leaves room for all that those may have who have not spoken yet.
import type { Lease, LeaseRequest } from '#api/rate-lease.ts'
import type { LeasesSent } from './leases-sent.ts'
import { mayHave, withLease } from './leases-sent.ts'
import type { TurnTaker } from './whole-shares.ts'
import { sizeOf, wholeShares } from './whole-shares.ts'

/** A lease holds until the next one, as in count-leases.ts. */
const forMs = Number.MAX_SAFE_INTEGER
/** How long a server may take to notice that a client is gone. */
export const noticeMs = 10_000
/** One that is silent for longer would not come for what is kept for it. */
const silentMsMax = 10_000

export interface ConnectionRequest extends LeaseRequest {
  /** Which process of the holder asks: when it began. A later one has taken the place of those before. */
  process: number
}

interface Holder extends TurnTaker {
  process: number
  least: number
  held: number
  leases: LeasesSent
  lastNumber: number
  waitsSinceMs: number
  heardAtMs: number
}

/** Of a process that has ended. */
interface Left {
  count: number
  untilMs: number
}

export class ConnectionLeases {
  #limit: number
  readonly #holders = new Map<string, Holder>()
  /** By holder. */
  readonly #left = new Map<string, Left>()
  /** Of the master before, and how many each may have. */
  readonly #unheard: Map<string, number>
  readonly #grantsFromMs: number

  /**
   * @param inherited who may hold anything of the master before, and how much at most
   * @param sinceMs when this master began; null: there was none before
   */
  constructor(limit: number, inherited: ReadonlyMap<string, number>, sinceMs: number | null) {
    this.#limit = limit
    this.#unheard = new Map(inherited)
    this.#grantsFromMs = sinceMs === null ? -Infinity : sinceMs + noticeMs
  }

  /** A new lease for the holder. One that wants nothing leaves: it begins nothing more. */
  request(request: ConnectionRequest, nowMs: number): Lease {
    for (const [id, { untilMs }] of this.#left) if (untilMs <= nowMs) this.#left.delete(id)
    const now = this.#note(request, nowMs)
    const count = request.wanted === 0 ? 0 : this.#countFor(now, nowMs)
    const lease = { number: ++now.lastNumber, count }
    now.leases = withLease(now.leases, lease)
    if (request.wanted === 0) this.#leave(now, nowMs)
    return { number: lease.number, rate: count, forMs, floor: count }
  }

  /** For leases from now on; what was given by a higher one is used until it is given up. */
  changeLimit(limit: number): void {
    this.#limit = limit
  }

  /** What each may have now. */
  held(): { id: string; rate: number }[] {
    const ids = new Set([...this.#holders.keys(), ...this.#left.keys(), ...this.#unheard.keys()])
    return [...ids].map(id => ({ id, rate: this.#countedOf(id) }))
  }

  /** It has nothing any more, for sure: its process is gone, and its server knows. */
  forget(id: string): void {
    this.#holders.delete(id)
    this.#left.delete(id)
    this.#unheard.delete(id)
  }

  #note(request: ConnectionRequest, nowMs: number): Holder {
    const { id, weight, wanted, using, held = 0, least = 1, process } = request
    const known = this.#holders.get(id)
    // A process that began anew has none, and what the one before it had is gone soon.
    if (known !== undefined && process > known.process) this.#leave(known, nowMs)
    const unheard = this.#unheard.get(id) ?? 0
    // It may have begun anew since the master before went: then this is all that is known of the process before it.
    if (unheard > held && using === 0 && nowMs < this.#grantsFromMs) this.#keep(id, unheard - held, nowMs)
    this.#unheard.delete(id)
    const before = this.#holders.get(id)
    const now: Holder = {
      ...(before ?? {
        lastNumber: 0,
        waitsSinceMs: nowMs,
        hasExtra: false,
        extraAtMs: -Infinity,
      }),
      id,
      process,
      weight,
      wanted,
      least,
      held,
      heardAtMs: nowMs,
      // What it may do by the one it uses it tells itself.
      leases: (before?.leases ?? []).filter(({ number }) => number > using),
      lastNumber: Math.max(before?.lastNumber ?? 0, using),
    }
    this.#holders.set(id, now)
    return now
  }

  #countFor(now: Holder, nowMs: number): number {
    if (nowMs < this.#grantsFromMs) return counted(now)
    const admitted = [...this.#holders.values()].filter(isAdmitted)
    let left = this.#limit - leastOf(admitted)
    const next: Holder[] = []
    for (const holder of this.#waiting(nowMs)) {
      if (holder.least > left) break
      left -= holder.least
      next.push(holder)
    }
    const before = isAdmitted(now) ? next : next.slice(0, Math.max(0, next.indexOf(now)))
    const more = [...admitted, ...next].map(holder => beyondLeast(holder, nowMs))
    const share = wholeShares(Math.max(0, left), more, nowMs).get(now.id)
    if (share === undefined) return 0
    const room = this.#limit - this.#countedWithout(now.id) - leastOf(before)
    if (!isAdmitted(now) && room < now.least) return 0
    // What it has it may keep: that is counted already.
    const count = Math.min(now.least + sizeOf(share), Math.max(room, counted(now)))
    const hasExtra = count > now.least + share.base
    if (hasExtra && !now.hasExtra) now.extraAtMs = nowMs
    now.hasExtra = hasExtra
    return count
  }

  /** Those that have nothing yet, who is next first. */
  #waiting(nowMs: number): Holder[] {
    return [...this.#holders.values()]
      .filter(holder => !isAdmitted(holder) && nowMs - holder.heardAtMs <= silentMsMax)
      .toSorted((a, b) => b.weight - a.weight || a.waitsSinceMs - b.waitsSinceMs || (a.id < b.id ? -1 : 1))
  }

  #leave(holder: Holder, nowMs: number): void {
    this.#holders.delete(holder.id)
    // One that says that it leaves has given up what it was told of since.
    this.#keep(holder.id, holder.wanted === 0 ? holder.held : counted(holder), nowMs)
  }

  #keep(id: string, count: number, nowMs: number): void {
    const before = this.#left.get(id)?.count ?? 0
    if (count + before > 0) this.#left.set(id, { count: count + before, untilMs: nowMs + noticeMs })
  }

  #countedOf(id: string): number {
    const holder = this.#holders.get(id)
    const other = (this.#left.get(id)?.count ?? 0) + (this.#unheard.get(id) ?? 0)
    return (holder === undefined ? 0 : counted(holder)) + other
  }

  #countedWithout(id: string): number {
    let sum = this.#left.get(id)?.count ?? 0
    for (const { id: other, rate } of this.held()) if (other !== id) sum += rate
    return sum
  }
}

function counted({ leases, held }: Holder): number {
  return mayHave(leases, held)
}

function leastOf(holders: readonly Holder[]): number {
  return holders.reduce((sum, { least }) => sum + least, 0)
}

function isAdmitted(holder: Holder): boolean {
  return counted(holder) >= holder.least
}

/** What it wants besides its least. */
function beyondLeast(holder: Holder, nowMs: number): TurnTaker {
  const wanted = nowMs - holder.heardAtMs > silentMsMax ? counted(holder) : holder.wanted
  return { ...holder, wanted: Math.max(0, wanted - holder.least) }
}
