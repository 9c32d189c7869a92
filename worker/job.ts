// The main thread of a worker: it keeps the plan of the source current, grants splits to lanes, and decides when
// to try again after a failure. It talks and never touches a row.
import type { Clock } from '#common/clock.ts'
import { isAbort } from '#common/errors.ts'
import type { Logger, LogLevel } from '#common/logger.ts'
import { errorFields } from '#common/logger.ts'
import type { Metrics } from '#common/metrics.ts'
import { nextDelayMs } from '#common/retry.ts'
import type { Plan } from '#api/plan.ts'
import type { Split } from '#connectors/connector.ts'
import type { ConnectionPermits } from '#connectors/read-pace.ts'
import { assignSplits } from '#master/assign.ts'
import type { AssignedSplits } from './assigned-splits.ts'
import { failureOf, retryPolicy } from './disposition.ts'
import { JobEnds } from './job-ends.ts'
import { JobStatus } from './job-status.ts'
import { LaneGrants } from './lane-grants.ts'
import type { FromLane, Grant, GrantedTable, LaneData, LaneFailure } from './lane-protocol.ts'
import { LaneThread } from './lane-thread.ts'
import type { LaneHandle } from './lane-thread.ts'
import { orLeftBehind } from './left-behind.ts'
import type { LimitedSource } from './limited-source.ts'
import { LoadMeasurements } from './load-measurements.ts'
import { observer } from './observe.ts'
import { phaseOf, shareOf } from './job-share.ts'
import { sameGrant } from './same-grant.ts'
import type { SecretLocations } from './secrets.ts'
import type { SplitLoad } from './split-leases.ts'

export interface JobOptions {
  plan: Plan
  secrets: SecretLocations
  logLevel: LogLevel
  logger: Logger
  clock: Clock
  metrics: Metrics
  limited: Pick<LimitedSource, 'paceOf' | 'waitedShare'>
  /** What is asked before each connection to the source from here; left out: there is no limit. */
  connections?: ConnectionPermits | undefined
  /** How often the source is looked at for new tables and splits. */
  discoveryIntervalMs: number
  /** How long lanes may take to commit what they read when the job stops. */
  drainDeadlineMs: number
  /** Where other workers share the job: what this one is to read of it. By default it reads all there is. */
  assigned?: AssignedSplits
  /** Begins a lane; by default in a thread of its own. */
  openLane?: OpenLane
}

export type OpenLane = (
  data: LaneData,
  onMessage: (message: FromLane) => void,
  onCrash: (error: Error) => void,
) => LaneHandle

const inThread: OpenLane = (...lane) => new LaneThread(...lane)

/** How long a look at the source that is under way may still take when the job stops. */
const roundGraceMs = 1_000

export class Job {
  readonly status: JobStatus
  readonly #options: JobOptions
  readonly #ends: JobEnds
  readonly #lanes: LaneHandle[] = []
  readonly #grants = new LaneGrants()
  readonly #load = new LoadMeasurements()
  readonly #observe: ReturnType<typeof observer>
  /** Bounded splits committed to their end since the source was last asked for splits. */
  readonly #finished = new Set<string>()
  #grantId = 0
  /** Waiting: a lane is to have a split that another has not drained yet. Due: it may have by now. */
  #handOver: 'none' | 'waiting' | 'due' = 'none'
  /** The master wants something else read, drained or planned than before. */
  #isReassigned = false
  #laneFailure: LaneFailure | null = null
  /** The lane whose failure the status shows, until that lane gets somewhere. */
  #failedLane: number | null = null
  #crash: Error | null = null
  #wake: () => void = () => undefined

  constructor(options: JobOptions) {
    this.#options = options
    const { plan, assigned, clock, limited, metrics } = options
    this.#observe = observer(metrics, plan.job)
    this.status = new JobStatus(plan.job)
    this.#ends = new JobEnds(options)
    if (assigned === undefined) return
    assigned.load = split => this.#loadOf(split)
    assigned.lanes = () => this.#load.lanes(clock.monotonicMs(), limited.waitedShare)
    assigned.onChange = () => {
      this.#isReassigned = true
      this.#wake()
    }
    assigned.onFinished = () => this.#wake()
    assigned.onMissed = error => this.status.failed(failureOf(error))
  }

  /** Runs until the signal aborts, or a bounded job is done. Throws only for a bug (the process should end). */
  async run(signal: AbortSignal): Promise<void> {
    const { clock } = this.#options
    this.#startLanes()
    let delayMs = 0
    try {
      while (!signal.aborted) {
        try {
          const done = await orLeftBehind(this.#round(signal), { signal, graceMs: roundGraceMs, clock })
          if (done) return
          delayMs = 0
        } catch (error) {
          if (this.#crash) throw this.#crash
          if (signal.aborted && isAbort(error)) return
          delayMs = await this.#pauseAfter(error, delayMs, signal)
        }
      }
    } finally {
      await this.#stop()
    }
  }

  /** Looks at the source, grants what should be read now, and waits for the next reason to look again. */
  async #round(signal: AbortSignal): Promise<boolean> {
    const { assigned } = this.#options
    this.#isReassigned = false
    const plans = assigned === undefined || assigned.plans
    const { tables, plan, resync } = await this.#ends.look(plans, signal)
    this.status.resync = resync
    const open = this.#toRead(plan.splits)
    const found = plans ? open : null
    if (found?.length === 0) return (plan.postponed ?? []).length === 0
    const splits = this.#share(found, tables)
    if (splits === null) return false
    this.status.enter(phaseOf(splits, assigned), splits)
    this.#load.keep(new Set(splits.map(({ id }) => id)))
    this.#grant(splits, tables)
    // Without a word of the master nothing is well yet.
    if (this.#failedLane === null && assigned?.isAssigned !== false) this.status.recovered()
    this.#laneFailure = null
    await this.#wait({ splits, tables, stage: found }, signal)
    return false
  }

  /**
   * What is to be read here of what was found; `found` is null for one that does not plan. Null: the master wants it to
   * plan, or no more, since it began to look.
   */
  #share(found: readonly Split[] | null, tables: readonly GrantedTable[]): readonly Split[] | null {
    const { assigned } = this.#options
    if (assigned === undefined) return found
    if (found !== null) assigned.found(found)
    return assigned.plans === (found !== null) ? shareOf(assigned, found, tables) : null
  }

  /** Until there is a reason to look at the source again. Meanwhile it hands splits from lane to lane. */
  async #wait({ splits, tables, stage }: Granted, signal: AbortSignal): Promise<void> {
    const { clock, discoveryIntervalMs } = this.#options
    const until = clock.monotonicMs() + discoveryIntervalMs
    for (;;) {
      if (stage !== null && this.#stageEnded(stage)) return
      await this.#sleep(until - clock.monotonicMs(), signal)
      if (this.#crash) throw this.#crash
      if (this.#laneFailure) throw new LaneFailed(this.#laneFailure)
      if (signal.aborted || this.#isReassigned || clock.monotonicMs() >= until) return
      if (this.#handOver === 'due')
        this.#grant(
          splits.filter(split => !this.#finished.has(split.id)),
          tables,
        )
    }
  }

  /** The splits of the lowest stage that is not done. */
  #toRead(listed: readonly Split[]): Split[] {
    // A range that is no longer listed is done for good; listed again, it is of a table that begins anew.
    const ids = new Set(listed.map(split => split.id))
    this.#learnFinished()
    for (const id of this.#finished) if (!ids.has(id)) this.#finished.delete(id)
    const open = listed.filter(split => !this.#finished.has(split.id))
    const stage = Math.min(...open.map(split => split.stage))
    return open.filter(split => split.stage === stage)
  }

  #learnFinished(): void {
    for (const id of this.#options.assigned?.finished ?? []) this.#finished.add(id)
  }

  #stageEnded(current: readonly Split[]): boolean {
    this.#learnFinished()
    return current.every(split => split.bounded && this.#finished.has(split.id))
  }

  /** Gives each lane its splits, unless it holds just those already. */
  #grant(splits: readonly Split[], tables: readonly GrantedTable[]): void {
    this.#handOver = 'none'
    const { assigned: share } = this.#options
    const listed = new Set([...splits, ...(share?.draining ?? [])].map(split => split.id))
    const { holders } = this.#grants
    for (const [lane, wanted] of assignSplits(splits, this.#lanes.length, holders).entries()) {
      const assigned = this.#grants.free(lane, wanted)
      if (assigned.length < wanted.length) this.#handOver = 'waiting'
      const names = new Set(assigned.flatMap(split => split.tables))
      const grant: Grant = {
        id: ++this.#grantId,
        splits: assigned,
        tables: tables.filter(table => names.has(table.source.name)),
      }
      const held = this.#grants.current(lane)
      if (held === null ? assigned.length > 0 : !sameGrant(held, grant, listed)) {
        this.#grants.give(lane, grant)
        this.#lanes[lane]!.give(grant)
      }
    }
    share?.drainedUnless(split => this.#grants.isHeld(split))
  }

  #loadOf(split: string): SplitLoad {
    const { clock } = this.#options
    const lagMs = this.status.splitLagMs(split, clock.nowMs())
    return { lagMs, ...this.#load.split(split, clock.monotonicMs(), lagMs) }
  }

  #startLanes(): void {
    const { plan, secrets, logLevel, limited, assigned, openLane = inThread } = this.#options
    for (let lane = 0; lane < plan.worker.lanes; lane++) {
      const onMessage = (message: FromLane): void => this.#heard(lane, message)
      const onCrash = (error: Error): void => {
        this.#crash ??= error
        this.#wake()
      }
      const isShared = assigned !== undefined
      const data = { lane, plan, secrets, logLevel, isShared, pace: limited.paceOf(lane) }
      this.#lanes.push(openLane(data, onMessage, onCrash))
    }
  }

  #heard(lane: number, message: FromLane): void {
    const { clock } = this.#options
    this.status.fold(message, clock.nowMs())
    this.#load.fold(lane, message, clock.monotonicMs())
    this.#observe(lane, message)
    if (lane === this.#failedLane && isProgress(message)) {
      this.#failedLane = null
      this.status.recovered()
    }
    if (message.kind === 'reached-end') {
      this.#reachedEnd(message.split)
      this.#wake()
    } else if (message.kind === 'finished' || message.kind === 'failed' || message.kind === 'drained') {
      this.#ended(lane, message)
    } else if (message.kind === 'bad-record') {
      this.#options.logger.warn('a record was skipped', { code: message.code, error: message.message })
    } else if (message.kind === 'log') {
      this.#options.logger[message.severity](message.message, message.fields)
    }
  }

  #ended(lane: number, message: Extract<FromLane, { kind: 'finished' | 'failed' | 'drained' }>): void {
    const { assigned } = this.#options
    const grant = this.#grants.ended(lane, message.grant)
    if (message.kind === 'finished') {
      for (const split of grant?.splits ?? []) if (split.bounded) this.#reachedEnd(split.id)
    } else if (message.kind === 'failed' && message.failure.code === 'WRITER_FENCED' && assigned) {
      // Nothing is wrong: another worker has a split of this grant, or had it until now.
      assigned.fenced(grant?.splits.map(({ id }) => id) ?? [])
      this.#isReassigned = true
    } else if (message.kind === 'failed') {
      this.#laneFailure = message.failure
      this.#failedLane = lane
    }
    assigned?.drainedUnless(split => this.#grants.isHeld(split))
    if (this.#handOver === 'waiting') this.#handOver = 'due'
    this.#wake()
  }

  #reachedEnd(split: string): void {
    this.#finished.add(split)
    this.#options.assigned?.reachedEnd(split)
  }

  async #pauseAfter(error: unknown, previousMs: number, signal: AbortSignal): Promise<number> {
    const failure = error instanceof LaneFailed ? error.failure : failureOf(error)
    if (failure.disposition === 'crash')
      throw error instanceof LaneFailed ? new Error(failure.message) : error
    this.status.failed(failure)
    // What a person changes at the source shows only in a new snapshot, and an old one must not be held meanwhile.
    if (!(error instanceof LaneFailed) || failure.disposition === 'wait-for-person') await this.#ends.close()
    if (!(error instanceof LaneFailed))
      this.#options.metrics.errors.inc({ job: jobName(this.#options.plan), code: failure.code })
    const delayMs = nextDelayMs(retryPolicy(failure.disposition), previousMs, this.#options.clock.random())
    const fields =
      error instanceof LaneFailed ? { code: failure.code, error: failure.message } : errorFields(error)
    this.#options.logger.warn('trying again after a failure', {
      ...fields,
      inMs: Math.round(delayMs),
      disposition: failure.disposition,
    })
    await this.#pause(delayMs, signal)
    return delayMs
  }

  /** What the master says now may be just what was missing: a snapshot that is open, another reader gone. */
  async #pause(ms: number, signal: AbortSignal): Promise<void> {
    const woken = new AbortController()
    this.#wake = () => this.#isReassigned && woken.abort()
    this.#wake()
    await this.#options.clock.sleep(ms, AbortSignal.any([signal, woken.signal]))
  }

  async #stop(): Promise<void> {
    this.#options.assigned?.leave()
    await Promise.all(this.#lanes.map(lane => lane.stop(this.#options.drainDeadlineMs)))
    this.#options.assigned?.drainedUnless(split => this.#grants.isHeld(split))
    await this.#ends.close()
    this.status.enter('stopped', [])
  }

  async #sleep(ms: number, signal: AbortSignal): Promise<void> {
    const woken = new AbortController()
    this.#wake = () => woken.abort()
    if (this.#crash || this.#laneFailure || this.#isReassigned) return
    await this.#options.clock.sleep(Math.max(ms, 0), AbortSignal.any([signal, woken.signal]))
  }
}

interface Granted {
  splits: readonly Split[]
  tables: readonly GrantedTable[]
  /** What ends the stage when it is done; null: another worker sees to that. */
  stage: readonly Split[] | null
}

/** A lane's failure, as the main loop sees it. */
class LaneFailed extends Error {
  readonly failure: LaneFailure
  constructor(failure: LaneFailure) {
    super(failure.message)
    this.failure = failure
  }
}

/** Having read something is not enough: a lane that fails at one record reads up to it again and again. */
function isProgress(message: FromLane): boolean {
  if (message.kind === 'committed') return message.commit !== null
  return message.kind === 'finished' || (message.kind === 'read' && message.caughtUp)
}

function jobName(plan: Plan): string {
  return `${plan.job.namespace}/${plan.job.name}`
}
