// What keeps a table fast to read and small, beside the writers: compaction, clustering, cleaning, archiving. Each round
// has a journal of its own, so that it may go on while the writer of the same lane stages and commits.
import { clean, defaultCleaningPolicy } from './clean.ts'
import { advanceHistory } from './advance-history.ts'
import type { CleaningPolicy } from './clean.ts'
import { clusterSome } from './cluster.ts'
import { coalesceLogs } from './coalesce-logs.ts'
import type { CoalescingPolicy } from './coalesce-logs.ts'
import type { Compacted, ServiceContext } from './compact.ts'
import { compactSome, requestCompaction } from './compact.ts'
import type { ClusteringPolicy } from './plan-clustering.ts'
import { clusteringPolicy, defaultTargetFileBytes } from './plan-clustering.ts'
import { DamagedGroups } from './damaged-groups.ts'
import { defaultCompactionPolicy } from './plan-compaction.ts'
import type { CompactionPolicy } from './plan-compaction.ts'
import type { ReportWork } from './service-report.ts'
import { ServiceTurn } from './service-turn.ts'
import type { UrgentWork } from './urgent-work.ts'
import type { Clock } from '#common/clock.ts'
import { ConflictError } from '#common/errors.ts'
import type { Turns } from '#common/turns.ts'
import { Journal } from '#lake/journal/journal.ts'
import type { Sharing } from '#lake/journal/sharing.ts'
import { defaultSharing } from '#lake/journal/sharing.ts'
import type { ObjectStore } from '#lake/storage/object-store.ts'
import type { TableDefinition } from '#lake/table/definition.ts'
import type { InstantTime } from '#lake/timeline/instant.ts'
import { laterInstant } from '#lake/timeline/instant.ts'

/** Who runs compactions. external: ours are only planned on the timeline, and Spark or another engine runs them. */
export type CompactionRunner = 'worker' | 'external'

export interface ServicePolicy {
  compaction: CompactionPolicy
  compactionBy: CompactionRunner
  /** Of append tables; null: small files are left. */
  clustering: ClusteringPolicy | null
  cleaning: CleaningPolicy
  /** Null: every commit stays readable as long as its files do. */
  coalescing: CoalescingPolicy | null
  /** Least time between two rounds of a table, whoever makes them. */
  intervalMs: number
}

export const defaultServicePolicy: ServicePolicy = {
  compaction: defaultCompactionPolicy,
  compactionBy: 'worker',
  clustering: clusteringPolicy(defaultTargetFileBytes),
  cleaning: defaultCleaningPolicy,
  coalescing: null,
  intervalMs: 60_000,
}

/** Bytes of logs, per byte of the base file they change, from which on the oldest readable state is made a base file. */
const advanceLogShare = 0.2

const defaultCoalescing = { queryMsMax: 3_600_000, bytesMax: 16 << 20 }

/** A file of the history should be worth its requests. */
const trimMin = 10
/** Each cleaning is an instant more on the timeline. */
const cleanEveryMs = 10 * 60_000

/** What a table's owner may want otherwise. */
export interface ServiceOptions {
  /** The states after so many of the newest commits stay readable, however old they are. */
  retentionCommits?: number
  /** How long instants are known in the history; 0: it is not kept. */
  historyMs?: number
  /** Small files of append tables are put together to about this size; 0: they are left. */
  targetFileBytes?: number
  /** When logs are merged, as far as it is not to be the default. */
  compaction?: Partial<CompactionPolicy>
  compactionBy?: CompactionRunner
}

/** How much longer a table rests after a round than the round took: the services' share of a lane. */
const restFactor = 2

/**
 * The policy for a table whose states of this long ago must stay readable, and beyond that, when `dailyMs` is greater,
 * its state at the end of each day as far back as that.
 */
export function servicePolicy(retentionMs: number, dailyMs = 0, options: ServiceOptions = {}): ServicePolicy {
  const { compaction, cleaning } = defaultServicePolicy
  const {
    targetFileBytes = defaultTargetFileBytes,
    compaction: wanted,
    compactionBy = 'worker',
    ...kept
  } = options
  // The timeline reaches as far back as the oldest log.
  const logAgeMsMax = Math.min(wanted?.logAgeMsMax ?? compaction.logAgeMsMax, retentionMs / 2)
  return {
    ...defaultServicePolicy,
    compaction: { ...compaction, ...wanted, logAgeMsMax },
    compactionBy,
    clustering: targetFileBytes === 0 ? null : clusteringPolicy(targetFileBytes),
    cleaning: {
      ...cleaning,
      ...kept,
      retentionMs: Math.max(retentionMs, dailyMs),
      trimMin,
      recorded: true,
      everyMs: cleanEveryMs,
    },
    coalescing: dailyMs > retentionMs ? { ...defaultCoalescing, ageMsMin: retentionMs } : null,
  }
}

export interface ServicedTable {
  store: ObjectStore
  definition: TableDefinition
  clock: Clock
  /** Who works, for people. */
  writer: string
  /** defaultSharing when absent. */
  sharing?: Sharing
  /** What the services give way to. */
  urgent?: UrgentWork
  /** In table version 6, what keeps the commits of the same process away from a compaction. */
  turns?: Turns
}

export class TableServices {
  readonly #table: ServicedTable
  readonly #policy: ServicePolicy
  readonly #turn: ServiceTurn
  #packedAtMs = -Infinity
  readonly #damaged: DamagedGroups

  constructor(table: ServicedTable, policy: ServicePolicy) {
    this.#table = table
    this.#policy = policy
    this.#turn = new ServiceTurn(table.store, table.clock)
    this.#damaged = new DamagedGroups(table.clock)
  }

  /**
   * Does what is due, if it is this one's turn. What it fails at, or leaves because the signal aborts, the next round
   * of any lane does. Tells of each piece of work when it is done; returns whether a round was made.
   * @throws what the store and the files may throw; the table is as before then
   */
  async run(signal: AbortSignal, report: ReportWork = () => undefined): Promise<boolean> {
    signal.throwIfAborted()
    if (!(await this.#turn.take())) return false
    const { clock } = this.#table
    const startedAtMs = clock.monotonicMs()
    try {
      await this.#round(signal, report)
    } catch (error) {
      if (!(error instanceof ConflictError)) throw error
    } finally {
      // Without this the next round is only later.
      const restMs = Math.max(this.#policy.intervalMs, restFactor * (clock.monotonicMs() - startedAtMs))
      await this.#turn.end(restMs).catch(() => undefined)
    }
    return true
  }

  async #round(signal: AbortSignal, report: ReportWork): Promise<void> {
    const { store, definition, clock, writer, sharing = defaultSharing } = this.#table
    const journal = await Journal.open(store, {
      clock,
      writer: `${writer}/services`,
      signal,
      sharing,
    })
    const damaged = this.#damaged
    const beat = (): void => this.#turn.keep()
    const { urgent } = this.#table
    const context: ServiceContext = {
      store,
      definition,
      journal,
      clock,
      signal,
      damaged,
      beat,
      // In table version 6 a commit waits for the compaction, which then must not wait for it.
      ...(urgent === undefined || journal.layout === 1 ? {} : { urgent }),
    }
    await this.#compact(context, report)
    await this.#cluster(context, report)
    await this.#clean(context, report)
    await this.#packHistory(context, report)
    // When all else is done, so that whoever runs the services hears of it each round.
    if (damaged.error !== null) throw damaged.error
  }

  async #compact(context: ServiceContext, report: ReportWork): Promise<void> {
    const { journal, signal } = context
    if (this.#policy.compactionBy === 'external') {
      // One plan for all that is due: whoever runs it decides how much at a time.
      await requestCompaction(context, { ...this.#policy.compaction, compactionBytesMax: Infinity })
      return
    }
    // Each group once: a table that is written to without a pause would always have one more that is due.
    const since = laterInstant(journal.state.lastInstant, journal.state.lastCompletionTime)
    for (;;) {
      const watch = this.#watch()
      const compacted = await this.#compactSome(context, since)
      if (compacted === null) return
      const { rows, bytesBefore, bytes: bytesAfter } = compacted
      report({ service: 'compaction', rows, bytesBefore, bytesAfter, durationMs: watch() })
      signal.throwIfAborted()
      this.#turn.keep()
      await journal.refresh()
    }
  }

  async #compactSome(context: ServiceContext, since: InstantTime): Promise<Compacted | null> {
    const { compaction } = this.#policy
    if (context.journal.layout === 2) return compactSome(context, compaction, since)
    // Commits wait meanwhile, or their logs would belong to a slice that is no longer read: so one group at a time.
    const end = await this.#table.turns?.take(context.signal)
    try {
      await context.journal.refresh()
      return await compactSome(context, { ...compaction, compactionBytesMax: 0 }, since)
    } finally {
      end?.()
    }
  }

  async #cluster(context: ServiceContext, report: ReportWork): Promise<void> {
    const { clustering } = this.#policy
    while (clustering !== null) {
      const watch = this.#watch()
      const clustered = await clusterSome(context, clustering)
      if (clustered === null) return
      const { rows, bytesBefore, bytes: bytesAfter } = clustered
      report({ service: 'clustering', rows, bytesBefore, bytesAfter, durationMs: watch() })
      context.signal.throwIfAborted()
      this.#turn.keep()
      await context.journal.refresh()
    }
  }

  async #clean(context: ServiceContext, report: ReportWork): Promise<void> {
    const watch = this.#watch()
    const { files, bytes, instants } = await clean(context, this.#policy.cleaning)
    report({ service: 'cleaning', filesRemoved: files, bytesBefore: bytes, instants, durationMs: watch() })
    this.#turn.keep()
  }

  /** Makes the past smaller, where it is older than a state for each commit is kept. */
  async #packHistory(context: ServiceContext, report: ReportWork): Promise<void> {
    const { cleaning, coalescing, compaction } = this.#policy
    const nowMs = this.#table.clock.nowMs()
    // It lists the table twice, and is in no hurry.
    if (nowMs - this.#packedAtMs < (cleaning.everyMs ?? 0)) return
    this.#packedAtMs = nowMs
    const watch = this.#watch()
    const { files, removed } =
      coalescing === null ? { files: 0, removed: 0 } : await coalesceLogs(context, coalescing)
    this.#turn.keep()
    const { retentionMs } = cleaning
    const { memoryBytes } = compaction
    const advanced = await advanceHistory(context, { retentionMs, memoryBytes, logShareMin: advanceLogShare })
    if (files + removed + advanced > 0)
      report({ service: 'coalescing', filesRemoved: removed, durationMs: watch() })
  }

  /** Milliseconds since now, when it is asked. */
  #watch(): () => number {
    const { clock } = this.#table
    const startedAtMs = clock.monotonicMs()
    return () => clock.monotonicMs() - startedAtMs
  }
}
