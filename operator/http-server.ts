// The operator's HTTP port: liveness, readiness and metrics.
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
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

export async function startOperatorHttp(
  options: OperatorHttpOptions,
): Promise<{ port: number; close: () => Promise<void> }> {
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
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen(options.port, options.host, resolve)
  })
  return {
    port: (server.address() as AddressInfo).port,
    close: async () => {
      server.closeAllConnections()
      await new Promise(resolve => server.close(resolve))
    },
  }
}
