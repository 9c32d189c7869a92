// A job in a simulated cluster: workers that read and commit, a master that may be away, and a network that loses,
// delays and doubles messages. Steps of 100 ms, all from one seed. It watches at every step what must always hold.
import { expect } from 'chai'
import type { Heartbeat, HeartbeatAnswer, SplitSpec } from '#api/heartbeat.ts'
import { heartbeatIntervalMs } from '#api/heartbeat.ts'
import { SplitAssignment, assignmentTerms } from '#master/assignment/split-assignment.ts'
import type { Random } from '#test/simulation/random.ts'
import { SimulatedWorker } from './simulated-worker.ts'

export const stepMs = 100

export interface Network {
  /** Part of the requests, and of the answers, that is lost. */
  loss: number
  /** Part that comes twice, or seconds late. */
  disorder: number
}

type Answer = Omit<HeartbeatAnswer, 'leases'>

interface Message {
  atMs: number
  to: SimulatedWorker | null
  body: Heartbeat | Answer
}

/** A split whose holder died, and when it has to be read again. */
interface Orphan {
  split: string
  diedAtMs: number
}

export class World {
  readonly random: Random
  nowMs = 0
  network: Network = { loss: 0, disorder: 0 }
  workers: SimulatedWorker[] = []
  /** What is to be read. */
  readonly splits = new Map<string, SplitSpec>()
  /** How often each split was moved on, in the table's journal. */
  readonly journal = new Map<string, number>()
  master: SplitAssignment | null = null
  masterPausedUntilMs = 0
  /** Splits that went from one living worker to another. */
  moves = 0
  takeOverMsMax = 0
  /** The longest that two workers were reading the same split, both awake. */
  overlapMsMax = 0
  #term = 0
  #messages: Message[] = []
  #orphans: Orphan[] = []
  readonly #lastReader = new Map<string, SimulatedWorker>()
  readonly #overlaps = new Map<string, number>()
  #names = 0

  constructor(random: Random) {
    this.random = random
  }

  // ------------------------------------------------------------------------------------- what happens

  addWorker(name = `w${this.#names++}`, capacity = 2): SimulatedWorker {
    const worker = new SimulatedWorker(this, name, capacity)
    this.workers.push(worker)
    return worker
  }

  addSplit(split: Partial<SplitSpec> & { id: string }): void {
    this.splits.set(split.id, { tables: ['t'], bounded: false, stage: 1, weight: 1, ...split })
    this.journal.set(split.id, 0)
  }

  kill(worker: SimulatedWorker): void {
    this.workers = this.workers.filter(other => other !== worker)
    for (const { id } of worker.leases.reading) this.#orphans.push({ split: id, diedAtMs: this.nowMs })
  }

  /** Its pod is gone for good, and the master hears of that. */
  remove(worker: SimulatedWorker): void {
    this.workers = this.workers.filter(other => other !== worker)
    this.#messages = this.#messages.filter(({ body }) => !('worker' in body && body.worker === worker.name))
    this.master?.forget(worker.name)
  }

  startMaster(known: boolean): void {
    const workers = known ? this.workers.map(({ name }) => name) : null
    this.master = new SplitAssignment(assignmentTerms, { term: ++this.#term, sinceMs: this.nowMs, workers })
  }

  stopMaster(): void {
    this.master = null
  }

  /** What is being measured starts over: what happened since cannot be held to the bounds. */
  forgetOrphans(): void {
    this.#orphans = []
  }

  // ------------------------------------------------------------------------------------- how it goes on

  run(ms: number): void {
    for (const endMs = this.nowMs + ms; this.nowMs < endMs;) this.step()
  }

  step(): void {
    this.nowMs += stepMs
    const awake = this.master !== null && this.nowMs >= this.masterPausedUntilMs
    if (awake && this.nowMs % 1000 === 0) this.master!.tick(this.nowMs)
    this.#deliver(awake)
    for (const worker of this.workers) worker.step()
    this.workers = this.workers.filter(worker => !worker.hasLeft)
    this.#watch()
  }

  /** Sent by a worker that will ask again after a while, whether or not it was answered. */
  send(to: SimulatedWorker | null, body: Heartbeat | Answer): void {
    const { loss, disorder } = this.network
    if (this.random.chance(loss)) return
    const late = this.random.chance(disorder) ? this.random.between(0, 8_000) : 0
    this.#messages.push({ atMs: this.nowMs + stepMs + late, to, body })
    if (this.random.chance(disorder))
      this.#messages.push({ atMs: this.nowMs + this.random.between(stepMs, 8_000), to, body })
  }

  #deliver(masterIsAwake: boolean): void {
    const due = this.#messages.filter(
      ({ atMs, to }) => atMs <= this.nowMs && (to === null ? masterIsAwake || !this.master : to.isAwake),
    )
    if (due.length === 0) return
    this.#messages = this.#messages.filter(message => !due.includes(message))
    for (const { to, body } of due) {
      if (to !== null) to.hear(body as Answer)
      else this.#ask(body as Heartbeat)
    }
  }

  #ask(request: Heartbeat): void {
    const answer = this.master?.heard(JSON.parse(JSON.stringify(request)) as Heartbeat, this.nowMs)
    const from = this.workers.find(
      ({ name, startedAtMs }) => name === request.worker && startedAtMs === request.startedAtMs,
    )
    if (answer && from) this.send(from, JSON.parse(JSON.stringify(answer)) as Answer)
  }

  // ------------------------------------------------------------------------------------- what must hold

  #watch(): void {
    const readers = new Map<string, SimulatedWorker[]>()
    for (const worker of this.workers)
      for (const split of worker.readers.keys()) {
        const others = readers.get(split)
        if (others) others.push(worker)
        else readers.set(split, [worker])
        this.#countMove(split, worker)
      }
    for (const [split, holders] of readers) {
      if (holders.length < 2) {
        this.#overlaps.delete(split)
        continue
      }
      const leased = holders.filter(worker => worker.isLeased(split))
      if (leased.length > 1)
        expect.fail(`at ${this.nowMs} ${leased.map(({ name }) => name).join(', ')} all hold ${split}`)
      this.#measureOverlap(split, holders.filter(({ isAwake }) => isAwake).length)
    }
    for (const split of this.#overlaps.keys()) if (!readers.has(split)) this.#overlaps.delete(split)
    this.#orphans = this.#orphans.filter(({ split, diedAtMs }) => {
      if (this.splits.has(split) && !readers.has(split)) return true
      this.takeOverMsMax = Math.max(this.takeOverMsMax, this.nowMs - diedAtMs)
      return false
    })
  }

  #measureOverlap(split: string, awake: number): void {
    if (awake < 2) return void this.#overlaps.delete(split)
    const sinceMs = this.#overlaps.get(split) ?? this.nowMs
    this.#overlaps.set(split, sinceMs)
    this.overlapMsMax = Math.max(this.overlapMsMax, this.nowMs - sinceMs)
  }

  #countMove(split: string, worker: SimulatedWorker): void {
    const before = this.#lastReader.get(split)
    if (before === worker || (before?.readers.has(split) === true && this.workers.includes(before))) return
    if (before !== undefined && this.workers.includes(before) && !before.isLeaving) this.moves++
    this.#lastReader.set(split, worker)
  }

  /** How long the oldest split of a dead worker has not been read. */
  get orphanedMs(): number {
    return Math.max(0, ...this.#orphans.map(({ diedAtMs }) => this.nowMs - diedAtMs))
  }

  /** Who reads what, or an error: every split has one reader. */
  readers(): Map<string, string> {
    const readers = new Map<string, string>()
    for (const id of this.splits.keys()) {
      const names = this.workers.filter(worker => worker.readers.has(id)).map(({ name }) => name)
      if (names.length !== 1)
        expect.fail(`at ${this.nowMs} the readers of ${id} are: ${names.join(', ') || 'none'}`)
      readers.set(id, names[0]!)
    }
    return readers
  }

  nextAskMs(): number {
    return this.nowMs + heartbeatIntervalMs
  }
}
