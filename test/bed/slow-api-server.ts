/**
 * An HTTPS proxy before a real API server that is there, and yet of little use: watches begin and then say nothing,
 * writes take their time. Leases go through as if nothing were, so that whoever leads goes on to lead.
 */
import { readFileSync } from 'node:fs'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { Agent, createServer, request as sendRequest } from 'node:https'
import type { AddressInfo } from 'node:net'
import { dirname, join } from 'node:path'
import { parse } from 'yaml'
import type { BedKubernetes } from './kubernetes.ts'

export interface SlowApiServer {
  /** As in a kubeconfig; its certificate is of the cluster's own authority. */
  readonly url: string
  stop(): Promise<void>
}

export interface Slowness {
  /** What comes before a write is passed on, ms. */
  readonly writeDelayMs: number
}

export async function startSlowApiServer(
  cluster: BedKubernetes,
  { writeDelayMs }: Slowness,
): Promise<SlowApiServer> {
  const pki = join(dirname(cluster.kubeconfig), 'pki')
  const certificate = (name: string): Buffer => readFileSync(join(pki, name))
  const { clusters } = parse(readFileSync(cluster.kubeconfig, 'utf8')) as {
    clusters: { cluster: { server: string } }[]
  }
  const target = new URL(clusters[0]!.cluster.server)
  const agent = new Agent({ keepAlive: true, ca: certificate('ca.crt') })
  const pass = (message: IncomingMessage, answer: ServerResponse): void => {
    const { method, url: path, headers } = message
    const { hostname, port } = target
    const upstream = sendRequest({ hostname, port, agent, method, path, headers })
    const reset = (): void => void message.socket.destroy()
    upstream.on('error', reset)
    answer.on('close', () => upstream.destroy())
    upstream.on('response', received => {
      received.on('error', reset)
      answer.writeHead(received.statusCode!, received.rawHeaders)
      if (!isWatch(message)) received.pipe(answer)
      else {
        answer.flushHeaders()
        received.resume()
      }
    })
    message.pipe(upstream)
  }
  const server = createServer(
    { cert: certificate('apiserver.crt'), key: certificate('apiserver.key') },
    (message, answer) => {
      message.on('error', () => undefined)
      if (isWrite(message)) setTimeout(() => pass(message, answer), writeDelayMs)
      else pass(message, answer)
    },
  )
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  return {
    url: `https://127.0.0.1:${(server.address() as AddressInfo).port}`,
    async stop() {
      server.closeAllConnections()
      agent.destroy()
      await new Promise(resolve => server.close(resolve))
    },
  }
}

function isWatch({ url = '' }: IncomingMessage): boolean {
  return new URL(url, 'https://proxy').searchParams.has('watch')
}

function isWrite({ method, url = '' }: IncomingMessage): boolean {
  return method !== 'GET' && !url.includes('/leases')
}
