// Runs one compiled plan: the same code in a worker pod (`sluice worker`) and in local mode (`sluice run`).
import { readFile } from 'node:fs/promises'
import { systemClock } from '#common/clock.ts'
import { ConfigError } from '#common/errors.ts'
import type { LogLevel } from '#common/logger.ts'
import { createLogger } from '#common/json-logger.ts'
import { createMetrics } from '#common/metrics.ts'
import type { Plan } from '#api/plan.ts'
import { planSchema } from '#api/plan.ts'
import { completePlan } from '#master/complete-plan.ts'
import { AssignedSplits } from './assigned-splits.ts'
import { awaitConnections } from './await-connections.ts'
import { sendHeartbeats } from './heartbeats.ts'
import { startHttpServer } from './http-server.ts'
import { Job } from './job.ts'
import type { JobStatus } from './job-status.ts'
import { LimitedSource, SourceRates } from './limited-source.ts'
import type { MasterLocation } from './master-client.ts'
import { MasterClient } from './master-client.ts'
import type { SecretLocations } from './secrets.ts'

export interface WorkerMaster extends MasterLocation {
  /** Name of the pod. */
  worker: string
  /** Other workers share the job, and the master says what each is to read. */
  isShared: boolean
}

export interface WorkerOptions {
  plan: Plan
  secrets: SecretLocations
  logLevel: LogLevel
  http: { host: string; port: number } | null
  /** Where several jobs of a process read limited sources: what they share. */
  rates?: SourceRates
  /** Where the master is, that divides the limits of a source among all its workers. Null: this is the only process. */
  master?: WorkerMaster | null | undefined
  /** Hears of the job's state holder and port as soon as they exist. */
  onStart?(started: { status: JobStatus; httpPort: number | null }): void
}

const discoveryIntervalMs = 30_000
const drainDeadlineMs = 25_000

/** Resolves when the signal aborted and everything read is committed, or when a bounded job is done. */
export async function runWorker(options: WorkerOptions, signal: AbortSignal): Promise<JobStatus> {
  const { plan, secrets, logLevel } = options
  const logger = createLogger(logLevel, { job: `${plan.job.namespace}/${plan.job.name}` })
  const metrics = createMetrics()
  const { rates = new SourceRates(), master = null } = options
  const limited = new LimitedSource({ plan, rates, clock: systemClock, leased: master !== null })
  const assigned = master?.isShared ? assignedSplits(plan, master) : null
  if (assigned !== null) assigned.standsBy = () => !limited.isAdmitted
  const job = new Job({
    plan,
    secrets,
    logLevel,
    logger,
    clock: systemClock,
    metrics,
    limited,
    connections: limited.connections,
    discoveryIntervalMs,
    drainDeadlineMs,
    ...(assigned === null ? {} : { assigned }),
  })
  const { status } = job
  const http = options.http
    ? await startHttpServer({
        ...options.http,
        plan,
        status,
        metrics,
        limited,
        nowMs: () => systemClock.nowMs(),
      })
    : null
  options.onStart?.({ status, httpPort: http?.port ?? null })
  logger.info('worker started', {
    source: plan.source.name,
    target: plan.target.name,
    lanes: plan.worker.lanes,
  })
  const ended = new AbortController()
  const beside = [limited.run(ended.signal)]
  if (master !== null && (limited.isLimited || assigned !== null)) {
    const client = new MasterClient(master)
    const { worker } = master
    const heartbeats = { worker, plan, limited, assigned, client, clock: systemClock, logger }
    beside.push(sendHeartbeats(heartbeats, ended.signal))
  }
  try {
    const waits = { plan, limited, status, isShared: assigned !== null, clock: systemClock }
    await awaitConnections(waits, signal)
    await job.run(signal)
    logger.info('worker stopped', { rows: status.rows, commits: status.commits })
  } finally {
    limited.leave()
    ended.abort()
    await Promise.all(beside)
    await http?.close()
  }
  return status
}

function assignedSplits({ job, worker: { lanes } }: Plan, { worker }: WorkerMaster): AssignedSplits {
  const startedAtMs = Math.floor(systemClock.nowMs())
  return new AssignedSplits({ job, worker, startedAtMs, plan: '', capacity: lanes }, systemClock)
}

/** @throws ConfigError SPEC_INVALID when the file is not a plan */
export async function loadPlan(path: string): Promise<Plan> {
  const parsed = planSchema.safeParse(JSON.parse(await readFile(path, 'utf8')))
  if (parsed.success) return completePlan(parsed.data)
  const issue = parsed.error.issues[0]!
  throw new ConfigError(`The plan in ${path} is not valid at ${issue.path.join('.')}: ${issue.message}`, {
    code: 'SPEC_INVALID',
  })
}
