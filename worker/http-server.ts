// The worker's HTTP port: liveness, readiness, status and metrics. Read-only, and nothing secret behind it.
import { createServer } from 'node:http'
import type { Plan } from '#api/plan.ts'
import type { WorkerStatus } from '#api/worker-status.ts'
import { listen } from '#common/listen.ts'
import type { ListeningServer } from '#common/listen.ts'
import type { Metrics } from '#common/metrics.ts'
import type { JobStatus } from './job-status.ts'
import type { LimitedSource } from './limited-source.ts'

export interface HttpServerOptions {
  host: string
  /** 0 takes any free port. */
  port: number
  plan: Pick<Plan, 'job' | 'source'>
  status: JobStatus
  metrics: Metrics
  limited: Pick<LimitedSource, 'use' | 'throttledBy'>
  nowMs: () => number
}

export async function startHttpServer(options: HttpServerOptions): Promise<ListeningServer> {
  const server = createServer((request, response) => {
    answer(request.url ?? '/', options).then(
      ({ status, type, body }) => {
        response.writeHead(status, { 'content-type': type, 'cache-control': 'no-store' })
        response.end(request.method === 'HEAD' ? undefined : body)
      },
      () => {
        response.writeHead(500)
        response.end()
      },
    )
  })
  return listen(server, options)
}

interface Answer {
  status: number
  type: string
  body: string
}

async function answer(url: string, options: HttpServerOptions): Promise<Answer> {
  const { status, metrics } = options
  switch (new URL(url, 'http://worker').pathname) {
    case '/healthz':
      return text(200, 'ok')
    case '/readyz': {
      const ready = status.phase === 'snapshot' || status.phase === 'streaming'
      return text(
        ready ? 200 : 503,
        status.failure ? `${status.failure.code}: ${status.failure.message}` : status.phase,
      )
    }
    case '/status':
      return { status: 200, type: 'application/json', body: JSON.stringify(workerStatus(options)) }
    case '/metrics':
      refreshLag(options)
      refreshLimits(options)
      return { status: 200, type: metrics.contentType, body: await metrics.expose() }
    default:
      return text(404, 'There is /healthz, /readyz, /status and /metrics.')
  }
}

function workerStatus({ status, limited, nowMs }: HttpServerOptions): WorkerStatus {
  return { ...status.snapshot(nowMs()), throttledBy: limited.throttledBy }
}

/** Lag grows with the clock, so it is computed when it is asked for. */
function refreshLag({ metrics, status, plan: { job }, nowMs }: HttpServerOptions): void {
  metrics.splitLag.reset()
  for (const split of status.splits()) {
    const lagMs = status.splitLagMs(split, nowMs())
    if (lagMs !== null) metrics.splitLag.set({ job: `${job.namespace}/${job.name}`, split }, lagMs / 1000)
  }
}

/** The lanes count by themselves; their sums are what the counters are to say. */
function refreshLimits({ metrics, limited, plan: { job, source } }: HttpServerOptions): void {
  metrics.sourceRead.reset()
  metrics.sourceThrottled.reset()
  for (const { unit, rate, used, waitedMs } of limited.use()) {
    const labels = { job: `${job.namespace}/${job.name}`, source: source.name, unit }
    metrics.sourceRate.set(labels, rate)
    metrics.sourceRead.inc(labels, used)
    metrics.sourceThrottled.inc(labels, waitedMs / 1000)
  }
}

function text(status: number, body: string): Answer {
  return { status, type: 'text/plain; charset=utf-8', body: `${body}\n` }
}
