// A lane: one thread that owns its splits end to end (connection, decode, encode, upload, commit). It runs one
// session after another, one per grant, and tells the main thread what happened; what to do about a failure is
// the main thread's to decide, by granting again.
import { parentPort, workerData } from 'node:worker_threads'
import { systemClock } from '#common/clock.ts'
import { ConflictError, invariant } from '#common/errors.ts'
import { createLogger, errorFields } from '#common/logger.ts'
import type { Source, Target } from '#connectors/connector.ts'
import { failureOf } from './disposition.ts'
import type { FromLane, Grant, LaneData, ToLane } from './lane-protocol.ts'
import { orLeftBehind } from './left-behind.ts'
import type { EndpointServices } from './open-connectors.ts'
import { openSource, openTarget, preload } from './open-connectors.ts'
import { OpenWriters } from './open-writers.ts'
import { Session } from './session.ts'

invariant(parentPort, 'A lane runs in a worker thread')
const port = parentPort
const { lane, plan, secrets, logLevel } = workerData as LaneData
const logger = createLogger(logLevel, { job: `${plan.job.namespace}/${plan.job.name}`, lane })
const services: EndpointServices = {
  plan,
  secrets,
  clock: systemClock,
  logger,
  onBadRecord: error => {
    if (plan.badRecords.policy === 'fail') throw error
    report({ kind: 'bad-record', code: error.code, message: error.message })
  },
}

/** Being opened, or open. A failure to open them is the failure of the grant that needs them. */
let ends: ReturnType<typeof openEnds> | null = null
let drainCurrent = new AbortController()
/** A lane is never told to drop what it read; past its deadline the thread is ended instead. */
const never = new AbortController().signal
let grants: Promise<void> = Promise.resolve()

function report(message: FromLane): void {
  port.postMessage(message)
}

/** How long connections may take to close when the lane stops. */
const closingGraceMs = 2_000

/** Commit races lost in a row before it is reported as a failure. */
const conflictsMax = 3

async function runGrant(grant: Grant, drain: AbortSignal): Promise<void> {
  try {
    for (let conflicts = 0; !drain.aborted;) {
      const conflict = await runSession(grant, drain)
      if (conflict === null) break
      if (++conflicts > conflictsMax) throw conflict
      logger.info('another writer committed first; reading again', errorFields(conflict))
    }
    if (!drain.aborted) report({ kind: 'finished', grant: grant.id })
  } catch (error) {
    await closeEnds()
    const failure = failureOf(error)
    logger[failure.disposition === 'retry' ? 'warn' : 'error']('the lane stopped reading', errorFields(error))
    report({ kind: 'failed', grant: grant.id, failure })
  }
}

/** Runs to the end of the splits or to the drain. A lost commit race is returned, since nothing is wrong with it. */
async function runSession(grant: Grant, drain: AbortSignal): Promise<ConflictError | null> {
  ends ??= openEnds()
  const { source, writers } = await ends
  const tables = await Promise.all(
    grant.tables.map(async granted => ({ granted, writer: await writers.of(granted.target, never) })),
  )
  const bufferBytesMax = Math.floor(plan.worker.bufferBytesMax / plan.worker.lanes)
  const { freshnessMs } = plan
  const options = {
    source,
    splits: grant.splits,
    tables,
    bufferBytesMax,
    freshnessMs,
    clock: systemClock,
    report,
    onServiceFailure: (table: string, error: unknown) => {
      logger.warn('compacting or cleaning a table failed', { table, ...errorFields(error) })
      report({ kind: 'service-failed', table, code: failureOf(error).code })
    },
  }
  try {
    await new Session(options).run(drain, never)
    return null
  } catch (error) {
    if (error instanceof ConflictError) return error
    throw error
  }
}

async function openEnds(): Promise<{ source: Source; target: Target; writers: OpenWriters }> {
  await Promise.all([preload(plan.source), preload(plan.target)])
  const source = await openSource(services)
  const target = await openTarget(services)
  return { source, target, writers: new OpenWriters(target) }
}

/** After a failure nothing half-open is kept: the next grant begins with fresh connections. */
async function closeEnds(): Promise<void> {
  const opened = await ends?.catch(() => null)
  ends = null
  if (!opened) return
  const { source, target, writers } = opened
  const closed = await writers.close()
  closed.push(...(await Promise.allSettled([source.close(), target.close()])))
  for (const result of closed)
    if (result.status === 'rejected') logger.debug('closing after a failure', errorFields(result.reason))
}

port.on('message', (message: ToLane) => {
  drainCurrent.abort()
  drainCurrent = new AbortController()
  const drain = drainCurrent.signal
  if (message.kind === 'grant') grants = grants.then(() => runGrant(message.grant, drain))
  else
    grants = grants.then(async () => {
      await orLeftBehind(closeEnds(), {
        signal: AbortSignal.abort(),
        graceMs: closingGraceMs,
        clock: systemClock,
      })
      report({ kind: 'stopped' })
      port.close()
      // Ends the thread, should what was left behind keep it.
      setTimeout(() => process.exit(), closingGraceMs).unref()
    })
})

// The first grant needs them; opening them takes as long as the main thread takes to plan.
ends = openEnds()
ends.catch(() => undefined)
report({ kind: 'ready' })
