// A job in memory: its lanes run in this thread, each split of its source counts up, and its lake keeps the numbers.
import { setTimeout as delay } from 'node:timers/promises'
import type { Plan } from '#api/plan.ts'
import type { Clock } from '#common/clock.ts'
import { systemClock } from '#common/clock.ts'
import { silentLogger } from '#common/logger.ts'
import { createMetrics } from '#common/metrics.ts'
import type {
  CommitResult,
  Connector,
  DiscoveredTable,
  SourceChunk,
  SourcePlan,
  SourceTable,
  Split,
  TableWriter,
} from '#connectors/connector.ts'
import { connectorCode } from '#connectors/load.ts'
import type { PositionMove } from '#catalog/position.ts'
import type { AssignedSplits } from '#worker/assigned-splits.ts'
import { Job } from '#worker/job.ts'
import type { OpenLane } from '#worker/job.ts'
import { Lane } from '#worker/lane.ts'
import { FakeSource, FakeWriter, changesOf, schema } from './fake-ends.ts'

export class JobBed {
  /** What the source lists from now on; a bounded split ends at 100. */
  splits: Split[] = []
  /** Not listed before all of these is read: the look after that lists them. */
  postponed: Split[] = []
  /** How long a commit takes. */
  commitMs = 20
  freshnessMs = 100
  /** The numbers of each split, in the order they were committed. */
  readonly rows = new Map<string, number[]>()
  /** How often the source was looked at for splits. */
  looks = 0
  /** Thrown by such a look. */
  failure: Error | null = null
  /** Sources that were looked at and are open. */
  planning = 0
  /** Commits refused because another moved the split on. */
  fences = 0
  /** What splits were read with. */
  readonly details = new Set<string | undefined>()
  /** Who read each split last: every lane has a source of its own. */
  readonly readers = new Map<string, object>()
  readonly #held = new Map<string, string>()
  readonly #type: string

  constructor() {
    this.#type = `counting-${systemClock.uuid()}`
    Object.assign(connectorCode, { [this.#type]: () => Promise.resolve(this.#connector()) })
  }

  close(): void {
    Reflect.deleteProperty(connectorCode, this.#type)
  }

  job(part: { lanes: number; discoveryIntervalMs: number; assigned?: AssignedSplits; clock?: Clock }): Job {
    return new Job({
      plan: this.#plan(part.lanes),
      secrets: { directory: null, variables: {} },
      logLevel: 'silent',
      logger: silentLogger,
      clock: part.clock ?? systemClock,
      metrics: createMetrics(),
      limited: { paceOf: () => null, waitedShare: 0 },
      discoveryIntervalMs: part.discoveryIntervalMs,
      ...(part.assigned ? { assigned: part.assigned } : {}),
      drainDeadlineMs: 5_000,
      openLane: inThisThread,
    })
  }

  /** Waits until it is so. */
  async until(isSo: () => boolean): Promise<void> {
    while (!isSo()) await delay(5)
  }

  #plan(lanes: number): Plan {
    const endpoint = { name: 'counter', type: this.#type, spec: {} }
    return {
      version: 1,
      job: { namespace: 'n', name: 'j' },
      source: endpoint,
      target: endpoint,
      discovery: { include: ['*'], exclude: [] },
      virtualTables: [],
      tables: [{ include: 't', exclude: [], targetTable: null, key: null, options: {} }],
      mode: 'stream',
      start: 'earliest',
      freshnessMs: this.freshnessMs,
      schemaEvolution: 'evolve',
      badRecords: { policy: 'fail' },
      priority: 'normal',
      worker: { lanes, bufferBytesMax: 1 << 20 },
    } as Plan
  }

  #connector(): Connector<never> {
    return {
      type: this.#type,
      openSource: () => Promise.resolve(new CountingSource(this)),
      openTarget: () =>
        Promise.resolve({
          openTable: () => Promise.resolve(new KeepingWriter(this, this.#held)),
          close: () => Promise.resolve(),
        }),
    }
  }
}

class CountingSource extends FakeSource {
  readonly #bed: JobBed
  #isPlanning = false
  constructor(bed: JobBed) {
    super()
    this.#bed = bed
  }
  override discover(): Promise<never[]> {
    const table: DiscoveredTable = { name: 't', schema, estimatedRows: 0, estimatedBytes: 0 }
    return Promise.resolve([table as never])
  }
  override async plan([table]: readonly SourceTable[] = []): Promise<SourcePlan> {
    this.#bed.looks++
    if (this.#bed.failure !== null) throw this.#bed.failure
    if (!this.#isPlanning) this.#bed.planning++
    this.#isPlanning = true
    const fresh = this.#bed.splits.filter(({ id }) => !table!.positions.has(id))
    const splits = this.#bed.splits.filter(
      ({ id, bounded }) => !bounded || table!.positions.get(id) !== '100',
    )
    const initialPositions = new Map([['t', new Map(fresh.map(({ id }) => [id, '0']))]])
    const postponed = this.#bed.postponed.map(({ id }) => id)
    if (splits.length === 0) this.#bed.splits = this.#bed.postponed.splice(0)
    return { splits, initialPositions, postponed }
  }
  override close(): Promise<void> {
    if (this.#isPlanning) this.#bed.planning--
    this.#isPlanning = false
    return super.close()
  }
  override async *read(
    split: Split,
    [table]: readonly SourceTable[],
    _limits: unknown,
    signal: AbortSignal,
  ): AsyncGenerator<SourceChunk> {
    this.#bed.details.add(split.detail)
    for (let at = Number(table!.positions.get(split.id)) + 1; !split.bounded || at <= 100; at++) {
      await delay(2)
      if (signal.aborted) return
      this.#bed.readers.set(split.id, this)
      const changes = [changesOf('t', [at])]
      yield { changes, position: String(at), newestAtMs: Date.now(), caughtUp: false }
    }
  }
}

class KeepingWriter extends FakeWriter implements TableWriter {
  readonly #bed: JobBed
  constructor(bed: JobBed, held: Map<string, string>) {
    super(held)
    this.#bed = bed
  }
  override async commit(moves: readonly PositionMove[]): Promise<CommitResult> {
    await delay(this.#bed.commitMs)
    try {
      const result = await super.commit(moves)
      for (const { split, from, to } of moves) {
        const rows = this.#bed.rows.get(split) ?? []
        for (let at = Number(from) + 1; at <= Number(to); at++) rows.push(at)
        this.#bed.rows.set(split, rows)
      }
      return result
    } catch (error) {
      this.#bed.fences++
      throw error
    }
  }
}

const inThisThread: OpenLane = (data, onMessage) => {
  const lane = new Lane(data, message => setImmediate(onMessage, message))
  return {
    give: grant => void lane.take({ kind: 'grant', grant }),
    stop: () => lane.take({ kind: 'stop' }),
  }
}
