// A thin client: one JSON request, one streamed watch, over node:https with kept-alive connections. Requests,
// watches and the leader's lease have connection pools of their own, so that a burst of one never delays the
// others. Retrying is the caller's business (reflector, queue, elector): it knows what is worth repeating.
import * as http from 'node:http'
import * as https from 'node:https'
import { isAbort } from '#common/errors.ts'
import { connectionError, errorFromStatus, isNotFound } from './api-error.ts'
import type { FailedCall, Status } from './api-error.ts'
import type { ApiEndpoint } from './endpoint.ts'
import { jsonLines } from './json-lines.ts'
import { resourcePath } from './object.ts'
import type { KubeObject, ResourceAddress, ResourceType } from './object.ts'

export type Pool = 'requests' | 'watches' | 'lease'

export interface Call {
  method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE'
  path: string
  query?: Readonly<Record<string, string | number | boolean | undefined>>
  body?: unknown
  contentType?: string
  /** Media types of the answer; JSON unless said otherwise. */
  accept?: string
  pool?: Pool
  signal?: AbortSignal | undefined
  /** Fails when no byte moved for so long. */
  idleTimeoutMs?: number
}

export interface WatchEvent {
  type: 'ADDED' | 'MODIFIED' | 'DELETED' | 'BOOKMARK' | 'ERROR'
  object: unknown
}

interface ObjectList<T> {
  metadata: { continue?: string }
  items: T[]
}

/** Heard about every answer, for metrics; status 0 when there was none. */
export type CallObserver = (call: Call, status: number) => void

const requestTimeoutMs = 30_000
const pageSize = 500

/** What a body may weigh: a page of 500 large objects stays far below it. */
const bodyBytesMax = 256 * 1024 * 1024

export class KubeClient {
  readonly #endpoint: ApiEndpoint
  readonly #transport: typeof http | typeof https
  readonly #agents: Record<Pool, http.Agent>
  readonly #onAnswer: CallObserver
  readonly #userAgent: string

  constructor(
    endpoint: ApiEndpoint,
    onAnswer: CallObserver = () => undefined,
    userAgent: string = 'sluice-operator',
  ) {
    this.#endpoint = endpoint
    this.#onAnswer = onAnswer
    this.#userAgent = userAgent
    this.#transport = endpoint.url.protocol === 'http:' ? http : https
    const agent = (maxSockets: number): http.Agent =>
      new this.#transport.Agent({ keepAlive: true, maxSockets, timeout: 120_000 })
    this.#agents = { requests: agent(32), watches: agent(Infinity), lease: agent(1) }
  }

  /** @throws TransientError, ConflictError, ConfigError: see api-error.ts */
  async request<T>(call: Call): Promise<T> {
    const response = await this.#send(call)
    const text = await readBody(response, call)
    this.#onAnswer(call, response.statusCode ?? 0)
    if (!isSuccess(response)) throw answeredError(response, text, call)
    return JSON.parse(text) as T
  }

  /** Streams the events of a watch until the server ends it. @throws as request() */
  async *watch(call: Call): AsyncGenerator<WatchEvent> {
    yield* jsonLines<WatchEvent>(this.stream(call))
  }

  /** Streams the bytes of an answer until the server ends it: a watch, a log. @throws as request() */
  async *stream(call: Call): AsyncGenerator<Uint8Array> {
    const response = await this.#send({ ...call, pool: 'watches' })
    this.#onAnswer(call, response.statusCode ?? 0)
    if (!isSuccess(response)) throw answeredError(response, await readBody(response, call), call)
    try {
      yield* response as AsyncIterable<Uint8Array>
    } catch (error) {
      throw call.signal?.aborted || isAbort(error) ? error : connectionError(call, error)
    } finally {
      response.destroy()
    }
  }

  /** All objects of a kind there are, page by page. */
  async list<T extends KubeObject>(
    type: ResourceType<T>,
    of: { namespace?: string | undefined; labelSelector?: string; signal?: AbortSignal } = {},
  ): Promise<T[]> {
    const { apiVersion, kind } = type
    const path = resourcePath(type, { namespace: of.namespace })
    const objects: T[] = []
    let next: string | undefined
    do {
      const query = { limit: pageSize, continue: next, labelSelector: of.labelSelector }
      const page = await this.request<ObjectList<T>>({ method: 'GET', path, query, signal: of.signal })
      // Lists leave out what all their items share.
      for (const item of page.items) objects.push({ ...item, apiVersion, kind })
      next = page.metadata.continue || undefined
    } while (next !== undefined)
    return objects
  }

  /** The object, or null when there is none. */
  async get<T extends KubeObject>(
    type: ResourceType<T>,
    at: ResourceAddress,
    signal?: AbortSignal,
  ): Promise<T | null> {
    return orNull(this.request<T>({ method: 'GET', path: resourcePath(type, at), signal }))
  }

  async create<T extends KubeObject>(type: ResourceType<T>, object: T, signal?: AbortSignal): Promise<T> {
    const path = resourcePath(type, { namespace: object.metadata.namespace })
    return this.request<T>({ method: 'POST', path, body: object, signal })
  }

  /** Asks for a deletion; null when it was gone already. A uid guards against a namesake made since. */
  async delete(
    type: ResourceType,
    at: ResourceAddress & { uid?: string | undefined },
    propagationPolicy: 'Background' | 'Foreground' = 'Background',
  ): Promise<unknown> {
    const body = {
      kind: 'DeleteOptions',
      apiVersion: 'v1',
      propagationPolicy,
      ...(at.uid === undefined ? {} : { preconditions: { uid: at.uid } }),
    }
    const { namespace, name } = at
    const path = resourcePath(type, { namespace, ...(name === undefined ? {} : { name }) })
    return orNull(this.request({ method: 'DELETE', path, body }))
  }

  close(): void {
    for (const agent of Object.values(this.#agents)) agent.destroy()
  }

  async #send(call: Call): Promise<http.IncomingMessage> {
    const credentials = await this.#endpoint.credentials()
    const url = new URL(this.#endpoint.url.pathname.replace(/\/$/, '') + call.path, this.#endpoint.url)
    for (const [name, value] of Object.entries(call.query ?? {}))
      if (value !== undefined) url.searchParams.set(name, String(value))
    const body = call.body === undefined ? undefined : JSON.stringify(call.body)
    const options: https.RequestOptions = {
      agent: this.#agents[call.pool ?? 'requests'],
      ...credentials,
      method: call.method,
      headers: {
        ...(credentials.headers as http.OutgoingHttpHeaders | undefined),
        accept: call.accept ?? 'application/json',
        'user-agent': this.#userAgent,
        ...(body === undefined
          ? {}
          : {
              'content-type': call.contentType ?? 'application/json',
              'content-length': Buffer.byteLength(body),
            }),
      },
      ...(call.signal === undefined ? {} : { signal: call.signal }),
    }
    try {
      return await this.#attempt(url, options, body, call)
    } catch (error) {
      if (call.signal?.aborted) throw error
      this.#onAnswer(call, 0)
      throw connectionError(call, error)
    }
  }

  /** Repeats once, at once, when a kept-alive connection turned out to be closed by the other side already. */
  async #attempt(
    url: URL,
    options: https.RequestOptions,
    body: string | undefined,
    call: Call,
  ): Promise<http.IncomingMessage> {
    for (let again = false; ; again = true) {
      const request = this.#transport.request(url, options)
      request.setTimeout(call.idleTimeoutMs ?? requestTimeoutMs, () =>
        request.destroy(new Error(`silent for ${(call.idleTimeoutMs ?? requestTimeoutMs) / 1000} s`)),
      )
      try {
        return await new Promise((resolve, reject) => {
          request.once('response', resolve)
          // Stays attached: a late error of a request that was given up must not end the process.
          request.on('error', reject)
          request.end(body)
        })
      } catch (error) {
        const stale = request.reusedSocket && (error as NodeJS.ErrnoException).code === 'ECONNRESET'
        if (!stale || again) throw error
      }
    }
  }
}

async function readBody(response: http.IncomingMessage, call: FailedCall): Promise<string> {
  const chunks: Buffer[] = []
  let size = 0
  try {
    for await (const chunk of response as AsyncIterable<Buffer>) {
      chunks.push(chunk)
      size += chunk.length
      if (size > bodyBytesMax) throw new Error(`the answer exceeds ${bodyBytesMax} bytes`)
    }
  } catch (error) {
    throw isAbort(error) ? error : connectionError(call, error)
  }
  return Buffer.concat(chunks, size).toString('utf8')
}

function isSuccess(response: http.IncomingMessage): boolean {
  const status = response.statusCode ?? 0
  return status >= 200 && status < 300
}

function answeredError(response: http.IncomingMessage, text: string, call: Call): Error {
  const retryAfter = response.headers['retry-after']
  return errorFromStatus(response.statusCode ?? 0, parseStatus(text), { ...call, retryAfter })
}

/** Proxies and a starting API server answer plain text. */
function parseStatus(text: string): Status {
  try {
    return JSON.parse(text) as Status
  } catch {
    return { message: text.slice(0, 500) }
  }
}

async function orNull<T>(call: Promise<T>): Promise<T | null> {
  try {
    return await call
  } catch (error) {
    if (isNotFound(error)) return null
    throw error
  }
}
