// A lane: one thread that owns its splits end to end (connection, decode, encode, upload, commit). It runs one
// session after another, one per grant, and tells the main thread what happened; what to do about a failure is
// the main thread's to decide, by granting again. Its lines of log go to the main thread too: what a lane loads is
// what it needs to move rows, so that the first ones are there soon.
import { systemClock } from '#common/clock.ts'
import { ConflictError } from '#common/errors.ts'
import type { Logger } from '#common/logger.ts'
import { errorFields } from '#common/logger.ts'
import type { Source, Target } from '#connectors/connector.ts'
import { failureOf } from './disposition.ts'
import { forwardingLogger } from './forwarding-logger.ts'
import type { FromLane, Grant, LaneData, LaneTask } from './lane-protocol.ts'
import { orLeftBehind } from './left-behind.ts'
import type { EndpointServices } from './open-connectors.ts'
import { openSource, openTarget, preload } from './open-connectors.ts'
import { OpenWriters } from './open-writers.ts'
import { Session } from './session.ts'
import { LeasedConnections } from './leased-connections.ts'
import { LeasedTurns } from './leased-turns.ts'
import { RateTally } from './rate-memory.ts'
import type { PaceData } from './source-pace.ts'
import { SourcePace } from './source-pace.ts'

interface Ends {
  source: Source
  target: Target
  writers: OpenWriters
}

/** How long connections may take to close when the lane stops. */
const closingGraceMs = 2_000

/** Commit races lost in a row before it is reported as a failure. */
const conflictsMax = 3
/** A lane is never told to drop what it read; past its deadline the thread is ended instead. */
const never = new AbortController().signal

export class Lane {
  readonly #data: LaneData
  readonly #report: (message: FromLane) => void
  readonly #logger: Logger
  /** Being opened, or open. A failure to open them is the failure of the grant that needs them. */
  #ends: Promise<Ends> | null
  #drainCurrent = new AbortController()
  #tasks: Promise<void> = Promise.resolve()

  /** Begins to open both ends: that takes as long as the main thread takes to plan. */
  constructor(data: LaneData, report: (message: FromLane) => void) {
    this.#data = data
    this.#report = report
    this.#logger = forwardingLogger(data.logLevel, report, { lane: data.lane })
    this.#ends = this.#openEnds()
    this.#ends.catch(() => undefined)
  }

  /** Ends the grant before, then does as told. Resolves when that is over: a grant failed, done or drained. */
  take(task: LaneTask): Promise<void> {
    this.#drainCurrent.abort()
    this.#drainCurrent = new AbortController()
    const drain = this.#drainCurrent.signal
    this.#tasks = this.#tasks.then(() =>
      task.kind === 'grant' ? this.#runGrant(task.grant, drain) : this.#stop(),
    )
    return this.#tasks
  }

  async #stop(): Promise<void> {
    const leaving = { signal: AbortSignal.abort(), graceMs: closingGraceMs, clock: systemClock }
    await orLeftBehind(this.#closeEnds(), leaving)
    this.#report({ kind: 'stopped' })
  }

  async #runGrant(grant: Grant, drain: AbortSignal): Promise<void> {
    try {
      for (let conflicts = 0; !drain.aborted;) {
        const conflict = await this.#runSession(grant, drain)
        if (conflict === null) break
        if (++conflicts > conflictsMax) throw conflict
        this.#logger.info('another writer committed first; reading again', errorFields(conflict))
      }
      this.#report({ kind: drain.aborted ? 'drained' : 'finished', grant: grant.id })
    } catch (error) {
      await this.#closeEnds()
      const failure = failureOf(error)
      const severity = failure.disposition === 'retry' ? 'warn' : 'error'
      this.#logger[severity]('the lane stopped reading', errorFields(error))
      this.#report({ kind: 'failed', grant: grant.id, failure })
    }
  }

  /** Runs to the end of the splits or to the drain. A lost commit race is returned, since nothing is wrong with it. */
  async #runSession(grant: Grant, drain: AbortSignal): Promise<ConflictError | null> {
    const { plan, isShared = false } = this.#data
    this.#ends ??= this.#openEnds()
    const { source, writers } = await this.#ends
    const tables = await Promise.all(
      grant.tables.map(async granted => ({ granted, writer: await writers.of(granted.target, never) })),
    )
    const session = new Session({
      source,
      splits: grant.splits,
      tables,
      bufferBytesMax: Math.floor(plan.worker.bufferBytesMax / plan.worker.lanes),
      freshnessMs: plan.freshnessMs,
      clock: systemClock,
      report: this.#report,
      activeMs: () => performance.eventLoopUtilization().active,
      isShared,
      onServiceFailure: (table, error) => {
        this.#logger.warn('compacting or cleaning a table failed', { table, ...errorFields(error) })
        this.#report({ kind: 'service-failed', table, code: failureOf(error).code })
      },
    })
    try {
      await session.run(drain, never)
      return null
    } catch (error) {
      if (error instanceof ConflictError) return error
      throw error
    }
  }

  async #openEnds(): Promise<Ends> {
    const { plan, secrets, pace } = this.#data
    const services: EndpointServices = {
      plan,
      secrets,
      ...paceOf(pace),
      clock: systemClock,
      logger: this.#logger,
      onBadRecord: error => {
        if (plan.badRecords.policy === 'fail') throw error
        this.#report({ kind: 'bad-record', code: error.code, message: error.message })
      },
    }
    await Promise.all([preload(plan.source), preload(plan.target)])
    const source = await openSource(services)
    const target = await openTarget(services)
    return { source, target, writers: new OpenWriters(target) }
  }

  /** After a failure nothing half-open is kept: the next grant begins with fresh connections. */
  async #closeEnds(): Promise<void> {
    const opened = await this.#ends?.catch(() => null)
    this.#ends = null
    if (!opened) return
    const { source, target, writers } = opened
    const closed = await writers.close()
    closed.push(...(await Promise.allSettled([source.close(), target.close()])))
    for (const result of closed)
      if (result.status === 'rejected')
        this.#logger.debug('closing after a failure', errorFields(result.reason))
  }
}

function paceOf(data: PaceData | null): Pick<EndpointServices, 'pace' | 'turns' | 'connections'> {
  if (data === null) return {}
  const { rates, turns, connections } = data
  return {
    ...(Object.keys(rates).length > 0 && { pace: new SourcePace(data, systemClock) }),
    ...(turns && { turns: new LeasedTurns(turns.memory, systemClock, new RateTally(turns.tally)) }),
    ...(connections && {
      connections: new LeasedConnections(connections.memory, systemClock, new RateTally(connections.tally)),
    }),
  }
}
