// What must hold of a history that is kept by days: the newest state, the state at the end of each day, that of each
// younger commit, and the changes between any two moments, which are right or refused, never less or more.
import { daily } from './daily-policy.ts'
import { dailyChanges, serveDaily } from './daily-lane.ts'
import { Violation } from './invariants.ts'
import { Random } from './random.ts'
import { RealHistory } from './real-history.ts'
import { expectSame, textsOf } from './real-writer.ts'
import type { Stage } from './run-schedule.ts'
import type { Scheduler } from './scheduler.ts'
import type { Checks } from './world.ts'
import type { SyncError } from '#common/errors.ts'
import { Journal } from '#lake/journal/journal.ts'
import { TableReader } from '#lake/reader/table-reader.ts'
import { MemoryStore } from '#lake/storage/memory.ts'
import { readDefinition } from '#lake/table/create.ts'
import { formatInstant } from '#lake/timeline/instant.ts'
import { fixedClock } from '#test/lake/journal/table-fixture.ts'

const hourMs = 3_600_000
const dayMs = 24 * hourMs
/** Clocks are wrong by half a minute at most. */
const skewMs = 60_000
const changesPerCopy = 120

/** A store at a moment of the run. */
interface Moment {
  objects: ReadonlyMap<string, Uint8Array>
  nowMs: number
  /** Commits that were claimed by then. */
  commits: number
}

/** What was seen, to know that the worlds try what they should. */
export interface DailyTally {
  moments: number
  /** Moments at which logs had been merged. */
  merged: number
  ranges: number
  refused: number
}

export class DailyChecks implements Checks {
  readonly #objects: ReadonlyMap<string, Uint8Array>
  readonly #scheduler: Scheduler
  readonly #history = new RealHistory(dailyChanges)
  readonly #moments: Moment[] = []
  readonly #tally: DailyTally
  #changes = 0

  constructor({ objects, scheduler }: Stage, tally: DailyTally) {
    this.#objects = objects
    this.#scheduler = scheduler
    this.#tally = tally
  }

  check(): void {
    this.#history.note(this.#objects)
    // Reading is not for the middle of an event: a copy is read when all is over.
    if (++this.#changes % changesPerCopy === 0) this.#moments.push(this.#moment(new Map(this.#objects)))
  }

  noteForeign(): void {
    // There are no other engines.
  }

  checkAcknowledged(): void {
    // The stand-in schedules look after this.
  }

  async checkComplete(): Promise<void> {
    const random = new Random(this.#changes)
    for (const moment of this.#moments) await this.#checkMoment(moment, random)
    const end = this.#moment(new Map(this.#objects))
    await this.#checkMoment(end, random)
    for await (const later of servedOn(end, this.#history)) await this.#checkMoment(later, random)
  }

  #moment(objects: ReadonlyMap<string, Uint8Array>): Moment {
    return { objects, nowMs: this.#scheduler.nowMs, commits: this.#history.commits.length }
  }

  async #checkMoment({ objects, nowMs, commits }: Moment, random: Random): Promise<void> {
    if (!objects.has('.hoodie/hoodie.properties')) return
    const newest = this.#history.commits[commits - 1]
    // The newest may be claimed and not be on the timeline yet.
    const count = newest === undefined || isOnTimeline(objects, newest.instant) ? commits : commits - 1
    const known = this.#history.commits.slice(0, count)
    const store = new MemoryStore('', new Map(objects))
    this.#tally.moments++
    if (objects.has('.hoodie/.sluice/coalesced-until')) this.#tally.merged++
    const at = `at ${formatInstant(nowMs)}`
    const reader = await TableReader.open(store)
    expectSame(await textsOf(reader, {}), this.#history.asOf('~', count), `now, ${at}`)

    const ends = dayEnds(nowMs)
    const young = formatInstant(nowMs - daily.recentMs - dayMs + skewMs)
    const recent = known.filter(({ instant }) => instant.slice(0, 8) > young.slice(0, 8))
    const states = [...ends, ...(recent.length > 0 ? [random.pick(recent).instant] : [])]
    for (const asOf of states) {
      const past = await TableReader.open(store, { asOf })
      expectSame(await textsOf(past, {}), this.#history.asOf(asOf, count), `as of ${asOf}, ${at}`)
    }
    const some = known.length === 0 ? [] : [1, 2, 3].map(() => random.pick(known).completionTime)
    const times = [...ends, ...some].sort()
    const promised = new Set(ends)
    for (const [index, from] of times.entries())
      for (const to of [...times.slice(index + 1), undefined])
        await this.#checkRange(reader, { from, to, count, at }, promised)
  }

  async #checkRange(
    reader: TableReader,
    { from, to, count, at }: { from: string; to: string | undefined; count: number; at: string },
    promised: ReadonlySet<string>,
  ): Promise<void> {
    const isPromised = promised.has(from) && (to === undefined || promised.has(to))
    this.#tally.ranges++
    const when = `changed from ${from} to ${to ?? 'now'}, ${at}`
    try {
      const found = await textsOf(reader, to === undefined ? { from } : { from, to })
      expectSame(found, this.#history.between(from, to ?? '~', count), when)
    } catch (error) {
      if ((error as SyncError).code !== 'LAKE_HISTORY_GONE') throw error
      this.#tally.refused++
      if (isPromised) throw new Violation(`${(error as Error).message}: ${when}`)
    }
  }
}

function isOnTimeline(objects: ReadonlyMap<string, Uint8Array>, instant: string): boolean {
  return [...objects.keys()].some(path => path.startsWith(`.hoodie/timeline/${instant}_`))
}

/** The last moments of the days that are over and must be readable. */
function dayEnds(nowMs: number): string[] {
  const ends: string[] = []
  const firstMs = Date.UTC(2026, 0, 2)
  for (let endMs = firstMs; endMs + skewMs < nowMs; endMs += dayMs)
    if (endMs > nowMs - daily.retentionMs + skewMs) ends.push(formatInstant(endMs - 1))
  return ends
}

/** The table as it lives on for some days, nobody writes, and the services do their work. */
async function* servedOn({ objects, nowMs }: Moment, history: RealHistory): AsyncGenerator<Moment> {
  const living = new Map(objects)
  const store = new MemoryStore('', living)
  const definition = await readDefinition(store)
  if (definition === null || !living.has('.hoodie/hoodie.properties')) return
  // Whatever is late has arrived.
  const clock = fixedClock(nowMs + 4 * hourMs)
  const { signal } = new AbortController()
  for (let round = 0; round < 6; round++) {
    const journal = await Journal.open(store, { clock, signal, writer: 'later' })
    const { seq, schemaVersion } = journal.state
    // What was staged long ago can no longer be committed.
    const nothing = { action: null, metadata: null, moves: [], fileGroups: {} }
    const instant = await journal.nextInstant()
    await journal.commit({ kind: 'schedule', instant, ...nothing, stagedAt: seq, schemaVersion })
    history.note(living)
    await serveDaily({ store, definition, journal, clock, signal })
    history.note(living)
    yield { objects: living, nowMs: clock.nowMs(), commits: history.commits.length }
    clock.nowAtMs += round % 2 === 0 ? 2 * hourMs : 14 * hourMs
  }
}
