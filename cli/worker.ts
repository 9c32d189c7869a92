// `sluice worker`: one worker of a SyncJob, as its pods run it. The plan and the secrets are files mounted into
// the pod; SIGTERM drains.
import { hostname } from 'node:os'
import { parseArgs } from 'node:util'
import { workerHttpPort } from '#api/worker-status.ts'
import type { LogLevel } from '#common/logger.ts'
import { loadPlan, runWorker } from '#worker/main.ts'
import type { WorkerOptions } from '#worker/main.ts'
import { secretVariables } from './secret-variables.ts'
import { leaveSoon, stopSignal } from './stop-signal.ts'
import { UsageError } from './usage-error.ts'

export const usage = `Usage: sluice worker --plan FILE [options]

Carries out one compiled plan until it is told to stop (SIGTERM, SIGINT), then commits what it has read.

      --plan FILE       the plan, as the operator compiles it
      --secrets DIR     folder with one folder per Secret and one file per key
      --master URL      where the operator answers that divides a DataSource's limits among all workers, and a job among
                        those that share it; without it this worker takes both for itself
      --master-token FILE  the token that proves to it which pod this is
      --shared          other workers share the job: read what the operator says, rather than all there is
      --host ADDRESS    where /status, /metrics, /healthz and /readyz are served (default 0.0.0.0)
      --port PORT       and on which port (default ${workerHttpPort}; 0: a free one)
      --log-level LEVEL debug, info (default), warn, error or silent`

const logLevels: readonly string[] = ['debug', 'info', 'warn', 'error', 'silent']

/** The exit code. @throws UsageError, and ConfigError when the plan is not valid */
export async function run(argv: string[]): Promise<number> {
  const { values } = parseArgs({
    args: argv,
    options: {
      plan: { type: 'string' },
      secrets: { type: 'string' },
      master: { type: 'string' },
      'master-token': { type: 'string' },
      shared: { type: 'boolean', default: false },
      host: { type: 'string', default: '0.0.0.0' },
      port: { type: 'string', default: String(workerHttpPort) },
      'log-level': { type: 'string', default: 'info' },
    },
  })
  if (values.plan === undefined) throw new UsageError('give the plan: --plan FILE')
  if (!/^\d{1,5}$/.test(values.port)) throw new UsageError('--port is a number')
  if (!logLevels.includes(values['log-level'])) throw new UsageError(`--log-level is ${logLevels.join(', ')}`)
  const master = masterOf(values.master, values['master-token'], values.shared)
  const plan = await loadPlan(values.plan)
  try {
    await runWorker(
      {
        plan,
        secrets: { directory: values.secrets ?? null, variables: secretVariables() },
        logLevel: values['log-level'] as LogLevel,
        http: { host: values.host, port: Number(values.port) },
        master,
      },
      stopSignal(),
    )
  } finally {
    leaveSoon()
  }
  return 0
}

function masterOf(
  url: string | undefined,
  tokenFile: string | undefined,
  isShared: boolean,
): WorkerOptions['master'] {
  if (url === undefined && isShared)
    throw new UsageError('--shared needs --master URL, which says what to read')
  if (url === undefined) return null
  if (!URL.canParse(url)) throw new UsageError('--master is a URL, http://HOST:PORT')
  if (tokenFile === undefined) throw new UsageError('with --master give the token: --master-token FILE')
  return { url, tokenFile, worker: process.env['POD_NAME'] ?? hostname(), isShared }
}
