// The operator's HTTP port: liveness, readiness and metrics.
import { createServer } from 'node:http'
import { listen } from '#common/listen.ts'
import type { ListeningServer } from '#common/listen.ts'
import type { OperatorMetrics } from './metrics.ts'

export interface OperatorHttpOptions {
  host: string
  /** 0 takes any free port. */
  port: number
  metrics: OperatorMetrics
  /** Null when ready, otherwise why not. A stand-by is ready: it is ready to take over. */
  notReady: () => string | null
  /** Called before metrics are told. */
  observe: () => void
}

export async function startOperatorHttp(options: OperatorHttpOptions): Promise<ListeningServer> {
  const { metrics, notReady, observe } = options
  const answer = async (path: string): Promise<{ status: number; body: string; type?: string }> => {
    if (path === '/healthz') return { status: 200, body: 'ok\n' }
    if (path === '/readyz') {
      const why = notReady()
      return why === null ? { status: 200, body: 'ok\n' } : { status: 503, body: `${why}\n` }
    }
    if (path !== '/metrics') return { status: 404, body: 'There is /healthz, /readyz and /metrics.\n' }
    observe()
    return { status: 200, body: await metrics.expose(), type: metrics.contentType }
  }
  const server = createServer((request, response) => {
    answer(new URL(request.url ?? '/', 'http://operator').pathname).then(
      ({ status, body, type }) => {
        response.writeHead(status, { 'content-type': type ?? 'text/plain; charset=utf-8' })
        response.end(body)
      },
      () => {
        response.writeHead(500)
        response.end()
      },
    )
  })
  return listen(server, options)
}
