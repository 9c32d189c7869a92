// Spreads the splits of one job over its workers. All it knows comes from their heartbeats (api/heartbeat.ts), so a new
// master learns it by listening. A split has an owner, who should read it, and is given to the owner once nobody else
// may be reading it: the former one is told to drain, and says when that is done, or is silent for so long that
// it counts as dead. Should it live all the same, the journal fences it: docs/decisions/0020-assignment-by-heartbeats.md
//
// Pure: time comes with each call.
import type { Heartbeat, HeartbeatAnswer, SplitSpec } from '#api/heartbeat.ts'
import type { Carrier, Piece } from './balance.ts'
import { even, place } from './balance.ts'

export interface AssignmentTerms {
  /** A worker not heard of for so long counts as dead. */
  silentMs: number
  /** For so long after it asked, by its own clock, a worker may count on its splits; less, for clocks that run apart. */
  validMs: number
  /** After a worker joined, how long to wait for others before splits are moved for the sake of balance. */
  settleMs: number
}

export const assignmentTerms: AssignmentTerms = { silentMs: 10_000, validMs: 9_000, settleMs: 5_000 }

/** What a master begins with. */
export interface AssignmentStart {
  /** Greater than that of every master before it. */
  term: number
  sinceMs: number
  /** All workers that may hold splits by the word of a master before. Null: not known. */
  workers: readonly string[] | null
}

interface Member extends Pick<Heartbeat, 'startedAtMs' | 'number' | 'plan' | 'capacity' | 'leaving'> {
  heardAtMs: number
  /** All it may be reading as of its newest request, leased or not: ids of splits. */
  held: ReadonlySet<string>
}

/** Why a split went from one worker to another: for an even load, from one that stops, from one that is gone. */
export type MoveReason = 'balance' | 'leaving' | 'takeover'

/** Between two calls at most so much counts as silence: nothing is heard while the master itself stands still. */
const stepMaxMs = 2_000

export class SplitAssignment {
  /** How many splits went to another worker so far. */
  readonly moved: Record<MoveReason, number> = { balance: 0, leaving: 0, takeover: 0 }
  readonly #terms: AssignmentTerms
  readonly #term: number
  readonly #members = new Map<string, Member>()
  /** Who should read it. */
  readonly #owners = new Map<string, string>()
  /** Who may be reading it by our word or that of the master before, until its request says that it is not. */
  readonly #leases = new Map<string, string>()
  /** Committed to their end, and still in the planner's list. */
  readonly #finished = new Set<string>()
  /** Those the master before may have given something; null: learning is over. */
  #unheard: Set<string> | null
  readonly #countsWorkers: boolean
  /** Null: no planner told yet. */
  #catalogue: Map<string, SplitSpec> | null = null
  #planner: string | null = null
  #plan: string | null = null
  #lastCallMs: number
  /** Time during which the master listened. */
  #listenedMs = 0
  #joinedAtMs = -Infinity
  #uneven = false

  constructor(terms: AssignmentTerms, start: AssignmentStart) {
    this.#terms = terms
    this.#term = start.term
    this.#lastCallMs = start.sinceMs
    this.#unheard = new Set(start.workers)
    this.#countsWorkers = start.workers !== null
  }

  /** The plan that workers should have; only such are given splits. Until told, any will do. */
  follow(plan: string): void {
    if (this.#plan !== plan) this.#uneven = true
    this.#plan = plan
  }

  /** To be called every second or so. */
  tick(nowMs: number): void {
    this.#listenedMs += Math.min(Math.max(nowMs - this.#lastCallMs, 0), stepMaxMs)
    this.#lastCallMs = nowMs
    for (const [worker, { heardAtMs }] of this.#members)
      if (this.#listenedMs - heardAtMs >= this.#terms.silentMs) this.#remove(worker)
    if (this.#unheard === null) return
    const allHeard = this.#countsWorkers && this.#unheard.size === 0
    if (allHeard || this.#listenedMs >= this.#terms.silentMs) this.#endLearning()
  }

  /** Those that were not sure of their splits may be now, as far as nobody else was. */
  #endLearning(): void {
    this.#unheard = null
    for (const [worker, { held }] of this.#members)
      for (const id of held) if (!this.#leases.has(id)) this.#leases.set(id, worker)
  }

  /** It reads nothing any more, for sure: its pod is gone. */
  forget(worker: string): void {
    this.#remove(worker)
    this.#unheard?.delete(worker)
  }

  /** How many splits each worker may be reading. */
  get shares(): Map<string, number> {
    const shares = new Map([...this.#members.keys()].map(worker => [worker, 0]))
    for (const worker of this.#leases.values()) shares.set(worker, (shares.get(worker) ?? 0) + 1)
    return shares
  }

  /** How many splits are to be read and nobody reads, as far as it is known. */
  get unread(): number {
    return [...(this.#catalogue?.keys() ?? [])].filter(id => this.#isOpen(id) && !this.#leases.has(id)).length
  }

  /** Null: the request was overtaken by a newer one, or follows a newer master. Then there is nothing to answer. */
  heard(request: Heartbeat, nowMs: number): Omit<HeartbeatAnswer, 'leases'> | null {
    this.tick(nowMs)
    const { worker } = request
    if (request.term > this.#term || this.#isOvertaken(request)) return null
    this.#note(request)
    this.#learnLeases(request)
    // It was sent after an answer of ours was taken, so no answer of a master before can still reach the worker.
    if (request.term === this.#term) this.#unheard?.delete(worker)
    this.tick(nowMs)
    this.#learnSplits(request)
    this.#choosePlanner()
    this.#assign()
    const plans = this.#planner === worker
    return {
      term: this.#term,
      number: request.number,
      splits: this.#giveSplits(worker),
      validMs: this.#terms.validMs,
      plans,
      finished: plans ? [...this.#finished] : [],
    }
  }

  #isOvertaken({ worker, startedAtMs, number }: Heartbeat): boolean {
    const known = this.#members.get(worker)
    if (known === undefined || startedAtMs > known.startedAtMs) return false
    return startedAtMs < known.startedAtMs || number <= known.number
  }

  #note({ worker, startedAtMs, number, plan, capacity, leaving, held }: Heartbeat): void {
    if (leaving && held.length === 0) return this.#left(worker)
    const known = this.#members.get(worker)
    const isSame = known?.plan === plan && known.capacity === capacity && known.leaving === leaving
    if (!isSame) this.#uneven = true
    if (known === undefined) this.#joinedAtMs = this.#listenedMs
    this.#members.set(worker, {
      startedAtMs,
      number,
      plan,
      capacity,
      leaving,
      heardAtMs: this.#listenedMs,
      held: new Set(held.map(({ id }) => id)),
    })
  }

  /** What a process of the same name held before is free: it ended before this one began. */
  #learnLeases({ worker, held }: Heartbeat): void {
    const ids = new Set(held.map(({ id }) => id))
    for (const [id, holder] of this.#leases) if (holder === worker && !ids.has(id)) this.#leases.delete(id)
    for (const { id, leased } of held)
      if ((leased || this.#unheard === null) && !this.#leases.has(id)) this.#leases.set(id, worker)
  }

  #remove(worker: string): void {
    for (const [id, holder] of this.#leases) if (holder === worker) this.#leases.delete(id)
    if (this.#members.delete(worker)) this.#uneven = true
  }

  /** It handed over all it had. */
  #left(worker: string): void {
    for (const [id, owner] of this.#owners)
      if (owner === worker) {
        this.#owners.delete(id)
        this.moved.leaving++
      }
    this.#remove(worker)
  }

  #learnSplits({ worker, planned, finished }: Heartbeat): void {
    // Nobody plans yet: who does by the word of the master before goes on.
    if (planned !== null && this.#members.get(worker)?.leaving === false) this.#planner ??= worker
    if (planned !== null && this.#planner === worker) this.#list(planned)
    for (const id of finished) if (this.#catalogue?.get(id)?.bounded) this.#finished.add(id)
    for (const id of this.#owners.keys())
      if (!this.#isOpen(id)) {
        this.#owners.delete(id)
        this.#uneven = true
      }
  }

  #list(planned: readonly SplitSpec[]): void {
    this.#uneven ||= planned.some(({ id }) => this.#catalogue?.has(id) !== true)
    this.#catalogue = new Map(planned.map(split => [split.id, split]))
    // One that was listed no more and is again belongs to a table that begins anew.
    for (const id of this.#finished) if (!this.#catalogue.has(id)) this.#finished.delete(id)
  }

  #isOpen(split: string): boolean {
    return this.#catalogue?.has(split) === true && !this.#finished.has(split)
  }

  /** One that works by the plan of now, if there is one. */
  #choosePlanner(): void {
    const present = this.#members.get(this.#planner ?? '')
    if (present !== undefined && this.#mayCarry(present)) return
    // While learning there may be one that has not been heard of.
    if (this.#unheard !== null) return
    const staying = [...this.#members].filter(([, { leaving }]) => !leaving)
    const next = staying.find(([, member]) => this.#mayCarry(member))
    if (next !== undefined) this.#planner = next[0]
    else if (present?.leaving !== false) this.#planner = staying[0]?.[0] ?? null
  }

  #mayCarry({ plan, leaving }: Member): boolean {
    return !leaving && (this.#plan === null || plan === this.#plan)
  }

  /** Gives every split an owner, and moves some once it is known who is there. */
  #assign(): void {
    if (this.#catalogue === null || this.#unheard !== null) return
    const carriers = [...this.#members]
      .filter(([, member]) => this.#mayCarry(member))
      .map(([id, { capacity }]): Carrier => ({ id, capacity }))
    const names = new Set(carriers.map(({ id }) => id))
    // What a worker of an older plan holds stays until it leaves, which it soon will.
    const isOurs = ({ carrier }: Piece): boolean => carrier === null || names.has(carrier)
    const pieces = this.#pieces()
    for (const [split, worker] of place(pieces.filter(isOurs), carriers)) {
      const before = this.#owners.get(split)
      if (before !== undefined) this.moved[this.#members.has(before) ? 'leaving' : 'takeover']++
      this.#owners.set(split, worker)
    }
    if (carriers.length === 0 || !this.#uneven) return
    if (this.#listenedMs - this.#joinedAtMs < this.#terms.settleMs) return
    const owned = pieces.map(piece => ({ ...piece, carrier: this.#owners.get(piece.id)! }))
    const moves = even(owned.filter(isOurs), carriers)
    for (const [split, worker] of moves) this.#owners.set(split, worker)
    this.moved.balance += moves.size
    this.#uneven = moves.size > 0
  }

  /** What is to be read, each with its owner; what has none belongs to who reads it. */
  #pieces(): Piece[] {
    const pieces: Piece[] = []
    for (const { id, weight } of this.#catalogue!.values()) {
      if (!this.#isOpen(id)) continue
      const known = [this.#owners.get(id), this.#leases.get(id)]
      const carrier = known.find(worker => this.#members.get(worker ?? '')?.leaving === false) ?? null
      if (carrier !== null) this.#owners.set(id, carrier)
      pieces.push({ id, weight, carrier })
    }
    return pieces
  }

  #giveSplits(worker: string): SplitSpec[] | null {
    if (this.#members.get(worker)?.leaving !== false) return []
    if (this.#catalogue === null || this.#unheard !== null) return null
    const splits: SplitSpec[] = []
    for (const [id, owner] of this.#owners) {
      if (owner !== worker || (this.#leases.get(id) ?? worker) !== worker) continue
      this.#leases.set(id, worker)
      splits.push(this.#catalogue.get(id)!)
    }
    return splits
  }
}
