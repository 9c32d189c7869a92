/**
 * An HTTP proxy before a real S3 server that does to requests what networks and overloaded servers do. A rule looks at
 * each request and names what shall happen to it; without one it goes through unchanged, so that signatures hold.
 */
import type { IncomingMessage, Server, ServerResponse } from 'node:http'
import { Agent, createServer, request as sendRequest } from 'node:http'
import type { AddressInfo, Socket } from 'node:net'

export type Fault =
  /** The proxy answers; the server hears nothing. */
  | { kind: 'answer'; status: number; code: string; headers?: Record<string, string>; more?: string }
  /** The request is taken and never answered. */
  | { kind: 'black hole' }
  /** It arrives later. */
  | { kind: 'delay'; ms: number }
  /** The connection is reset before the server hears anything … */
  | { kind: 'reset' }
  /** … or when the server has got this much of the body … */
  | { kind: 'reset in request'; afterBytes: number }
  /** … or when it has done what it was asked, before it can say so … */
  | { kind: 'lose answer' }
  /** … or when this much of the body of its answer has come through. */
  | { kind: 'reset in answer'; afterBytes: number }
  /** As before, but nothing follows instead of a reset. */
  | { kind: 'stall in answer'; afterBytes: number }

export interface SeenRequest {
  method: string
  /** Path and query, as the client sent them. */
  url: string
  headers: IncomingMessage['headers']
  /** From 0, of all requests since the proxy was started. */
  number: number
}

/** What happens to a request; null: nothing. */
export type FaultRule = (request: SeenRequest) => Fault | null

export interface FaultProxy {
  readonly endpoint: string
  /** Requests since it was started. */
  readonly seen: readonly SeenRequest[]
  setRule(rule: FaultRule | null): void
  stop(): Promise<void>
}

export async function startFaultProxy(target: string): Promise<FaultProxy> {
  const { hostname, port: targetPort } = new URL(target)
  const agent = new Agent({ keepAlive: true })
  const seen: SeenRequest[] = []
  let rule: FaultRule | null = null
  const server: Server = createServer((message, answer) => {
    const { method = '', url = '', headers } = message
    const request = { method, url, headers, number: seen.length }
    seen.push(request)
    message.on('error', () => undefined)
    const forward = (fault: Fault | null): void =>
      pass(message, answer, { hostname, port: Number(targetPort), agent, fault })
    const fault = rule?.(request) ?? null
    switch (fault?.kind) {
      case 'answer':
        message.resume()
        message.on('end', () => reply(answer, fault))
        break
      case 'black hole':
        message.resume()
        break
      case 'reset':
        reset(message.socket)
        break
      case 'delay':
        setTimeout(() => forward(null), fault.ms)
        break
      default:
        forward(fault)
    }
  })
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  return {
    endpoint: `http://127.0.0.1:${port}`,
    seen,
    setRule: wanted => {
      rule = wanted
    },
    async stop() {
      server.closeAllConnections()
      agent.destroy()
      await new Promise(resolve => server.close(resolve))
    },
  }
}

function reply(
  answer: ServerResponse,
  { status, code, headers, more = '' }: Fault & { kind: 'answer' },
): void {
  answer.writeHead(status, { 'content-type': 'application/xml', ...headers })
  answer.end(
    `<?xml version="1.0"?><Error><Code>${code}</Code><Message>${code} by rule</Message>${more}</Error>`,
  )
}

function reset(socket: Socket): void {
  socket.resetAndDestroy()
}

interface Passage {
  hostname: string
  port: number
  agent: Agent
  fault: Fault | null
}

function pass(message: IncomingMessage, answer: ServerResponse, { fault, ...target }: Passage): void {
  const { method, url, rawHeaders } = message
  // The Host header is part of what was signed.
  const upstream = sendRequest({ ...target, method, path: url, headers: rawHeaders as never, setHost: false })
  upstream.on('error', () => reset(message.socket))
  upstream.on('response', received => {
    received.on('error', () => undefined)
    if (fault?.kind === 'lose answer') {
      received.resume()
      received.on('end', () => reset(message.socket))
      return
    }
    answer.writeHead(received.statusCode!, received.rawHeaders)
    if (fault?.kind === 'reset in answer' || fault?.kind === 'stall in answer') cut(received, answer, fault)
    else received.pipe(answer)
  })
  if (fault?.kind !== 'reset in request') {
    message.pipe(upstream)
    return
  }
  let sent = 0
  message.on('data', (chunk: Buffer) => {
    upstream.write(chunk.subarray(0, Math.max(0, fault.afterBytes - sent)))
    sent += chunk.length
    if (sent < fault.afterBytes) return
    upstream.destroy()
    reset(message.socket)
  })
}

/** Lets the first bytes of the answer's body through, and then resets or says nothing more. */
function cut(
  received: IncomingMessage,
  answer: ServerResponse,
  fault: Fault & { kind: 'reset in answer' | 'stall in answer' },
): void {
  let sent = 0
  let isCut = false
  received.on('data', (chunk: Buffer) => {
    if (isCut) return
    isCut = sent + chunk.length >= fault.afterBytes
    const part = chunk.subarray(0, Math.max(0, fault.afterBytes - sent))
    sent += part.length
    answer.write(part, () => {
      if (isCut && fault.kind === 'reset in answer') reset(answer.socket!)
    })
  })
  received.on('end', () => {
    if (!isCut) answer.end()
  })
}

/** What a request does, as far as a rule wants to know: `PutObject`, `UploadPart`, `ListObjects` … */
export function operationOf({ method, url, headers }: SeenRequest): string {
  const query = new URL(url, 'http://proxy').searchParams
  if (method === 'GET') return query.has('list-type') ? 'ListObjects' : 'GetObject'
  if (method === 'HEAD') return 'HeadObject'
  if (method === 'PUT') {
    if (query.has('partNumber')) return 'UploadPart'
    return 'x-amz-copy-source' in headers ? 'CopyObject' : 'PutObject'
  }
  if (method === 'DELETE') return query.has('uploadId') ? 'AbortUpload' : 'DeleteObject'
  if (query.has('uploads')) return 'CreateUpload'
  return query.has('uploadId') ? 'CompleteUpload' : 'DeleteObjects'
}
