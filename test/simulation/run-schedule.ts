// Runs one schedule: everything in it, from the table to the last lost packet, follows from the seed.
import { cleaner } from './cleaner.ts'
import { clusterer } from './clusterer.ts'
import { compactor } from './compactor.ts'
import { foreignWriter } from './foreign-writer.ts'
import { Invariants } from './invariants.ts'
import { Lane } from './lane.ts'
import { Process } from './process.ts'
import { Random } from './random.ts'
import { Scheduler } from './scheduler.ts'
import { UnreliableStore, calm } from './unreliable-store.ts'
import type { Network, Weather } from './unreliable-store.ts'
import type { OpenJournal, RunProcess, Style, World } from './world.ts'
import { retentionMs } from './world.ts'
import { Journal } from '#lake/journal/journal.ts'
import { lockPath } from '#lake/journal/storage-lock.ts'
import { MemoryStore } from '#lake/storage/memory.ts'
import { createTable } from '#lake/table/create.ts'
import type { TableDefinition, TableVersion } from '#lake/table/definition.ts'
import { formatInstant } from '#lake/timeline/instant.ts'

export type Cast = Pick<World, 'checks' | 'runLane' | 'services' | 'foreign'>

export interface ScheduleOptions {
  /** The journal to test; Journal.open unless a part is taken out on purpose. */
  openJournal?: OpenJournal
  /** The store as it really is; a MemoryStore unless a part is taken out on purpose. */
  truth?: (objects: Map<string, Uint8Array>) => MemoryStore
  trace?: (line: string) => void
  /** Who writes and who checks; stand-in lanes and Invariants unless given. */
  cast?: (stage: Stage) => Cast
  /** What is not to be left to chance. */
  setting?: (random: Random) => Partial<Setting>
}

export type Setting = Pick<World, 'style' | 'clocksInStep' | 'paceMsMax' | 'ends'>

/** What a cast is chosen for. */
export interface Stage {
  objects: Map<string, Uint8Array>
  style: Style
  scheduler: Scheduler
}

export interface ScheduleResult {
  events: number
  entries: number
  commits: number
  processes: number
}

const eventsMax = 40_000
const storm: Weather = {
  'crash before': 0.006,
  'crash after': 0.012,
  'request lost': 0.01,
  'answer lost': 0.015,
  late: 0.015,
  twice: 0.03,
}

/** Another engine's requests get through, or it dies: how Java treats its stores is not what is tried here. */
const foreignWeather: Weather = { 'crash before': 0.01, 'crash after': 0.02 }

/** @throws Violation when a promise was broken, or whatever else went wrong */
export async function runSchedule(seed: number, options: ScheduleOptions = {}): Promise<ScheduleResult> {
  const world = newWorld(seed, options)
  const run = new Run(world)
  const events = await run.run()
  return { events, ...run.counts() }
}

function newWorld(seed: number, options: ScheduleOptions): World {
  const random = new Random(seed)
  const objects = new Map<string, Uint8Array>()
  const setting = options.setting?.(random) ?? {}
  const style = setting.style ?? random.pick<Style>(['append', 'append', 'merge', 'merge', 'rewrite'])
  const version =
    style === 'merge' ? random.pick<TableVersion>([8, 9]) : random.pick<TableVersion>([6, 8, 8, 9])
  const ends = setting.ends ?? someSplits(random)
  const scheduler = new Scheduler(random)
  return {
    scheduler,
    objects,
    truth: options.truth?.(objects) ?? new MemoryStore('', objects),
    ...(options.cast ?? standIns)({ objects, style, scheduler }),
    clocksInStep: random.chance(0.3),
    paceMsMax: random.chance(0.5) ? 0 : random.between(1, 180) * 60_000,
    weather: random.chance(0.1) ? calm : storm,
    trace: options.trace ?? null,
    style,
    ...setting,
    definition: definition(style, version),
    retention: {
      entriesMin: random.between(2, 8),
      ageMsMin: random.chance(0.5) ? 0 : 5_000,
      trimEvery: random.between(1, 4),
      stagedAgeMsMax: random.between(15, 60) * 60_000,
    },
    ends,
    openJournal: options.openJournal ?? ((store, opening) => Journal.open(store, opening)),
    failures: [],
  }
}

function someSplits(random: Random): Map<string, number> {
  const ends = new Map<string, number>()
  for (let i = random.between(1, 4); i > 0; i--) ends.set(`split-${i}`, random.between(3, 12))
  if (random.chance(0.5)) ends.set('idle/1', random.between(1, 6))
  return ends
}

const servicesOf = { append: [clusterer, cleaner], merge: [compactor, cleaner], rewrite: [cleaner] }

export function standIns({ objects, style, scheduler }: Stage): Cast {
  const { random } = scheduler
  // Clocks are wrong by half a minute at most.
  const retainedFrom = (): string => formatInstant(scheduler.nowMs - retentionMs + 60_000)
  return {
    services: servicesOf[style],
    foreign: random.chance(0.5)
      ? null
      : { beside: style === 'append' ? foreignWriter(false) : null, inTurn: foreignWriter(true) },
    checks: new Invariants(objects, { retainedFrom }),
    runLane: async (world, process, store, splits) => {
      await createTable(store, world.definition, process.clock)
      return new Lane(world, process, store, splits).run()
    },
  }
}

function definition(style: Style, version: TableVersion): TableDefinition {
  const columns = [
    { name: 'row', type: { kind: 'string' as const }, nullable: true },
    { name: '_sluice_seq', type: { kind: 'int64' as const }, nullable: true },
  ]
  return {
    name: 'rows',
    kind: style === 'append' ? 'append' : 'keyed',
    tableType: style === 'merge' ? 'MERGE_ON_READ' : 'COPY_ON_WRITE',
    version,
    schema: { columns, key: style === 'append' ? [] : ['row'] },
    buckets: style === 'append' ? 0 : 2,
    partitionFields: [],
    orderingField: '_sluice_seq',
  }
}

/** Places where a process works on certain splits. More than one may be at it, each believing to be the only one. */
interface Seat {
  splits: readonly string[]
  /** Whose end is noticed. */
  current: Process | null
  isDone: boolean
}

class Run {
  readonly #world: World
  readonly #network: Network
  readonly #foreignNetwork: Network
  readonly #seats: Seat[]
  readonly #random: Random
  #processes = 0
  /** What begins when all seats are done. */
  #whenDone: (() => void) | null = null
  #weather: Weather

  constructor(world: World) {
    this.#world = world
    this.#weather = world.weather
    this.#random = world.scheduler.random
    this.#seats = this.#dealSplits()
    this.#network = {
      scheduler: world.scheduler,
      truth: world.truth,
      weather: () => this.#weather,
      trace: world.trace,
      observer: path => {
        if (path.startsWith('.hoodie/.sluice/') && !path.includes('/journal/')) return
        if (path === lockPath) return
        this.#guarded(() => world.checks.check())
      },
    }
    this.#foreignNetwork = { ...this.#network, weather: () => foreignWeather }
  }

  /** Runs to the end. @throws what went wrong first */
  async run(): Promise<number> {
    const { foreign, ends, checks } = this.#world
    const all = new Map(ends)
    let events = 0
    if (foreign !== null) {
      for (const [split, end] of all) ends.set(split, Math.floor(end / 2))
      events += await this.#act()
      events += await this.#foreignTurn(foreign.inTurn)
      for (const [split, end] of all) ends.set(split, end)
    }
    events += await this.#act()
    await checks.checkComplete(new Map([...all].filter(([split]) => !split.startsWith('idle/'))))
    return events
  }

  /** Everyone at work until all splits are at their ends and the last late packet has arrived. */
  #act(): Promise<number> {
    const { scheduler, services, foreign } = this.#world
    this.#weather = this.#world.weather
    for (const seat of this.#seats) {
      seat.isDone = false
      scheduler.after(this.#random.between(0, 100), () => this.#seatProcess(seat))
    }
    for (const { name, run } of services)
      for (let i = this.#random.between(0, 3); i > 0; i--)
        scheduler.after(this.#random.between(100, 5_000) + this.#hours(10), () =>
          this.#startProcess(name, run, this.#network),
        )
    if (foreign?.beside)
      scheduler.after(this.#random.between(100, 5_000) + this.#hours(4), () =>
        this.#startProcess('foreign', foreign.beside!, this.#foreignNetwork),
      )
    // Somebody believes a process dead that is not, or asks one to stop.
    for (let i = this.#random.between(0, 4); i > 0; i--) {
      const seat = this.#random.pick(this.#seats)
      const takeOver = this.#random.chance(0.7)
      scheduler.after(this.#random.between(100, 20_000) + this.#hours(4), () => {
        if (takeOver) this.#seatProcess(seat)
        else seat.current?.stop()
      })
    }
    // The weather clears at last, so that everything comes to its end.
    scheduler.after(this.#random.between(1, 600) * 1_000 + this.#hours(10), () => {
      this.#weather = calm
    })
    return this.#settle()
  }

  /** Nobody else is at work; clocks may be wrong, by less than the minutes between two turns. */
  async #foreignTurn(run: RunProcess): Promise<number> {
    const { scheduler, clocksInStep } = this.#world
    const start = (): void => this.#startProcess('foreign', run, this.#foreignNetwork)
    if (clocksInStep) this.#lastCommits(start)
    else scheduler.after(120_000, start)
    let events = await this.#settle()
    scheduler.after(120_000, start)
    events += await this.#settle()
    // What it left when it died is rolled back by whoever comes next.
    scheduler.after(120_000, () => undefined)
    return events
  }

  /** One row more of each split, in calm weather; `then` as soon as the last lane heard of its commit. */
  #lastCommits(then: () => void): void {
    const { scheduler, ends } = this.#world
    for (const [split, end] of ends) ends.set(split, end + 1)
    for (const seat of this.#seats) {
      seat.isDone = false
      this.#seatProcess(seat)
    }
    this.#whenDone = () => scheduler.after(this.#random.between(0, 5), then)
  }

  /** Until nothing is left to happen. @throws what went wrong first */
  async #settle(): Promise<number> {
    const { scheduler, failures } = this.#world
    const events = await scheduler.run(eventsMax, () => failures.length > 0)
    if (failures.length > 0) throw failures[0]
    return events
  }

  /** Up to so many turns of the slow worlds. */
  #hours(turns: number): number {
    return this.#random.between(0, turns * this.#world.paceMsMax)
  }

  counts(): Omit<ScheduleResult, 'events'> {
    const paths = [...this.#world.objects.keys()]
    const newest = paths
      .filter(path => path.startsWith('.hoodie/.sluice/journal/'))
      .sort()
      .at(-1)!
    const commits = paths.filter(path => /^\.hoodie\/(timeline\/)?\d.*commit$/.test(path)).length
    return { entries: Number(newest.slice(-25, -5)), commits, processes: this.#processes }
  }

  #dealSplits(): Seat[] {
    const seats: Seat[] = Array.from({ length: this.#random.between(1, 3) }, () => ({
      splits: [],
      current: null,
      isDone: false,
    }))
    for (const split of this.#world.ends.keys()) {
      const seat = this.#random.pick(seats)
      seat.splits = [...seat.splits, split]
    }
    return seats.filter(seat => seat.splits.length > 0)
  }

  #newProcess(kind: string, network = this.#network): { process: Process; store: UnreliableStore } {
    const process = new Process(`${kind}-${++this.#processes}`, this.#world.scheduler, this.#skewMs())
    return { process, store: new UnreliableStore(network, process) }
  }

  #skewMs(): number {
    if (this.#world.clocksInStep) return 0
    return this.#random.chance(0.3) ? this.#random.between(-30_000, 30_000) : this.#random.between(-500, 500)
  }

  #seatProcess(seat: Seat): void {
    if (seat.isDone) return
    const { process, store } = this.#newProcess('lane')
    const { scheduler, runLane } = this.#world
    const restart = (): void => {
      if (seat.current !== process || seat.isDone) return
      seat.current = null
      scheduler.after(this.#random.between(10, 3_000), () => {
        if (seat.current === null) this.#seatProcess(seat)
      })
    }
    seat.current = process
    process.onCrash = restart
    const work = async (): Promise<void> => {
      const isDone = await runLane(this.#world, process, store, seat.splits)
      seat.isDone ||= isDone
      if (!this.#seats.every(each => each.isDone)) return
      this.#whenDone?.()
      this.#whenDone = null
    }
    this.#observed(process, work(), restart)
  }

  #startProcess(kind: string, run: RunProcess, network: Network): void {
    const { process, store } = this.#newProcess(kind, network)
    this.#observed(process, run(this.#world, process, store), () => undefined)
  }

  #observed(process: Process, work: Promise<void>, ended: () => void): void {
    work.then(ended, (error: unknown) => {
      if (isExpected(error)) ended()
      else this.#world.failures.push(error)
    })
    this.#world.trace?.(`${process.name}: started`)
  }

  #guarded(check: () => void): void {
    try {
      check()
    } catch (error) {
      this.#world.trace?.(`VIOLATION ${(error as Error).message}`)
      this.#world.failures.push(error)
    }
  }
}

/** createTable may find the store unanswering too. */
function isExpected(error: unknown): boolean {
  return (error as { code?: string }).code === 'STORAGE_UNAVAILABLE'
}
