// `sluice run`: master and workers in one process, from the YAML files that `kubectl apply` takes.
import { parseArgs } from 'node:util'
import { systemClock } from '#common/clock.ts'
import type { LogLevel } from '#common/logger.ts'
import type { Plan } from '#api/plan.ts'
import type { SyncJob } from '#api/sync-job.ts'
import { parseDuration } from '#api/duration.ts'
import { compile } from '#master/compile.ts'
import type { JobStatus } from '#worker/job-status.ts'
import { SourceRates } from '#worker/limited-source.ts'
import { runWorker } from '#worker/main.ts'
import type { SecretLocations } from '#worker/secrets.ts'
import { secretVariable } from '#worker/secrets.ts'
import type { Manifests } from './manifests.ts'
import { loadManifests } from './manifests.ts'
import { ProgressView } from './progress-view.ts'
import { secretValues } from './secret-manifest.ts'
import { secretVariables } from './secret-variables.ts'
import { leaveSoon, stopSignal } from './stop-signal.ts'
import { UsageError } from './usage-error.ts'
import { problemLine } from './validate.ts'

export const usage = `Usage: sluice run -f FILE [-f FILE …] [options]

Runs the SyncJobs of these files here, until Ctrl-C; what was read is then committed.

  -f, --file FILE       YAML with DataSources, SyncJobs, VirtualTables and Secrets; may be given often
      --job NAME        only this SyncJob
      --secrets DIR     folder with one folder per Secret and one file per key; a value may also stand in the
                        environment variable SLUICE_SECRET_<NAME>_<KEY>
      --for DURATION    stop by itself after this long: 30s, 5m
      --port PORT       serve /status and /metrics on 127.0.0.1:PORT (the next ports for further jobs)
      --log-level LEVEL debug, info, warn (default), error or silent; logs go to stderr`

const logLevels: readonly string[] = ['debug', 'info', 'warn', 'error', 'silent']

/** The exit code: 1 when the files are wrong or a job ended with a failure. */
export async function run(argv: string[]): Promise<number> {
  const { values } = parseArgs({
    args: argv,
    options: {
      file: { type: 'string', short: 'f', multiple: true },
      job: { type: 'string' },
      secrets: { type: 'string' },
      for: { type: 'string' },
      port: { type: 'string' },
      'log-level': { type: 'string', default: 'warn' },
    },
  })
  if (!values.file) throw new UsageError('give at least one file: -f FILE')
  if (!logLevels.includes(values['log-level'])) throw new UsageError(`--log-level is ${logLevels.join(', ')}`)
  if (values.port !== undefined && !/^\d{1,5}$/.test(values.port)) throw new UsageError('--port is a number')
  const { manifests, problems } = await loadManifests(values.file)
  if (problems.length > 0) {
    process.stderr.write(problems.map(problem => `${problemLine(problem)}\n`).join(''))
    return 1
  }
  const jobs = chosenJobs(manifests, values.job)
  const stop = stopSignal()
  const signal =
    values.for === undefined ? stop : AbortSignal.any([stop, AbortSignal.timeout(parseDuration(values.for))])
  const secrets = { directory: values.secrets ?? null, variables: allSecretVariables(manifests) }
  const plans = jobs.map(job => compile(job, manifests))
  return runPlans(
    plans,
    {
      secrets,
      logLevel: values['log-level'] as LogLevel,
      port: values.port === undefined ? null : Number(values.port),
    },
    signal,
  )
}

interface RunSettings {
  secrets: SecretLocations
  logLevel: LogLevel
  port: number | null
}

async function runPlans(plans: readonly Plan[], settings: RunSettings, signal: AbortSignal): Promise<number> {
  const statuses: JobStatus[] = []
  const { secrets, logLevel, port } = settings
  const rates = new SourceRates()
  // Where one job fails by a bug, or its port is taken, the others commit what they read and stop as well.
  const broken = new AbortController()
  const stop = AbortSignal.any([signal, broken.signal])
  const running = plans.map((plan, index) => {
    const http = port === null ? null : { host: '127.0.0.1', port: port === 0 ? 0 : port + index }
    const options = {
      plan,
      secrets,
      logLevel,
      http,
      rates,
      onStart: ({ status }: { status: JobStatus }) => statuses.push(status),
    }
    return runWorker(options, stop).catch((error: unknown) => {
      broken.abort()
      throw error
    })
  })
  const view = new ProgressView(process.stdout)
  const draw = (): void =>
    view.draw(
      statuses.map(status => ({
        status: status.snapshot(systemClock.nowMs()),
        atMs: systemClock.monotonicMs(),
      })),
    )
  const timer = setInterval(draw, view.intervalMs)
  try {
    const ended = await Promise.all(running)
    draw()
    return ended.some(status => status.failure !== null) ? 1 : 0
  } finally {
    await Promise.allSettled(running)
    clearInterval(timer)
    leaveSoon()
  }
}

/** The jobs to run; a suspended one runs only when it is named. */
function chosenJobs(manifests: Manifests, name: string | undefined): SyncJob[] {
  const chosen = ({ metadata, spec }: SyncJob): boolean =>
    name === undefined ? !spec.suspend : metadata.name === name
  const jobs = manifests.syncJobs.filter(chosen)
  if (jobs.length > 0) return jobs
  const known = manifests.syncJobs.map(job => job.metadata.name).join(', ') || 'none'
  throw new UsageError(
    name === undefined
      ? `there is no SyncJob to run in these files (there is ${known})`
      : `there is no SyncJob ${name} in these files; there is ${known}`,
  )
}

/** Values from the environment, and from Secrets in the files, which hold where both have one. */
function allSecretVariables(manifests: Manifests): Record<string, string> {
  const variables = secretVariables()
  for (const secret of manifests.secrets)
    for (const [key, value] of Object.entries(secretValues(secret)))
      variables[secretVariable(secret.metadata.name, key)] = value
  return variables
}
