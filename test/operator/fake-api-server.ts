// A stand-in API server over real HTTP, for what a real one cannot be asked to do on purpose: answer 429 or 500,
// reset connections, fall silent, tell events twice, late or in the wrong order, forget the history. The protocol
// is the real one: lists in pages, watches with bookmarks, patches, status subresources.
import { createServer } from 'node:http'
import type { IncomingMessage, Server, ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { ApiEndpoint } from '#operator/kube/endpoint.ts'
import type { KubeObject } from '#operator/kube/object.ts'
import { FakeApiStore, StoreError } from './fake-api-store.ts'
import type { Json, StoredEvent } from './fake-api-store.ts'

export interface FakeRequest {
  method: string
  path: string
  query: URLSearchParams
  isWatch: boolean
}

export type Fault =
  | { kind: 'status'; status: number; retryAfterSeconds?: number; text?: string }
  | { kind: 'reset' }
  | { kind: 'delay'; ms: number }

interface Target {
  collection: string
  namespace: string | undefined
  name: string | undefined
  subresource: string | undefined
}

interface Watcher {
  response: ServerResponse
  target: Target
  selector: string | null
  held: StoredEvent | null
}

export class FakeApiServer {
  readonly store = new FakeApiStore()
  readonly requests: FakeRequest[] = []
  /** Asked before each request; what it returns happens to the request. */
  faults: (request: FakeRequest) => Fault | undefined = () => undefined
  /** By path: who answers instead of the store, as a kubelet does for a log and a pod for what is proxied to it. */
  readonly others = new Map<string, (response: ServerResponse, query: URLSearchParams) => void>()
  /** Every event is sent twice. */
  duplicateEvents = false
  /** Every event is sent again after the next one. */
  lateEvents = false
  /** Nothing more is sent to watches, and their connections stay open. */
  silent = false
  readonly #watchers = new Set<Watcher>()
  readonly #server: Server

  private constructor() {
    this.#server = createServer((request, response) => {
      this.#serve(request, response).catch((error: unknown) => fail(response, error))
    })
    this.store.subscribe(event => {
      for (const watcher of this.#watchers) this.#send(watcher, event)
    })
  }

  static async start(): Promise<FakeApiServer> {
    const fake = new FakeApiServer()
    await new Promise<void>(resolve => fake.#server.listen(0, '127.0.0.1', resolve))
    return fake
  }

  get endpoint(): ApiEndpoint {
    const { port } = this.#server.address() as AddressInfo
    return { url: new URL(`http://127.0.0.1:${port}`), credentials: async () => ({}) }
  }

  get watchCount(): number {
    return this.#watchers.size
  }

  /** Requests that changed something. */
  get writes(): FakeRequest[] {
    return this.requests.filter(({ method }) => method !== 'GET')
  }

  endWatches(): void {
    for (const { response } of this.#watchers) response.end()
    this.#watchers.clear()
  }

  breakWatches(): void {
    for (const { response } of this.#watchers) response.destroy()
    this.#watchers.clear()
  }

  sendBookmarks(): void {
    for (const { response } of this.#watchers)
      writeLine(response, {
        type: 'BOOKMARK',
        object: { metadata: { resourceVersion: String(this.store.version) } },
      })
  }

  /** Sends raw bytes into every watch. */
  sendToWatches(text: string): void {
    for (const { response } of this.#watchers) response.write(text)
  }

  async stop(): Promise<void> {
    this.#server.closeAllConnections()
    await new Promise<void>(resolve => this.#server.close(() => resolve()))
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const url = new URL(request.url ?? '/', 'http://fake')
    const isWatch = url.searchParams.get('watch') === '1'
    const seen = { method: request.method ?? 'GET', path: url.pathname, query: url.searchParams, isWatch }
    this.requests.push(seen)
    const body = await readJson(request)
    const fault = this.faults(seen)
    if (fault?.kind === 'reset') {
      request.socket.destroy()
      return
    }
    if (fault?.kind === 'delay') await new Promise(resolve => setTimeout(resolve, fault.ms))
    if (fault?.kind === 'status') {
      if (fault.retryAfterSeconds !== undefined) response.setHeader('retry-after', fault.retryAfterSeconds)
      response.writeHead(fault.status)
      response.end(fault.text ?? JSON.stringify({ kind: 'Status', code: fault.status, reason: 'Injected' }))
      return
    }
    const other = this.others.get(url.pathname)
    if (other !== undefined) {
      other(response, url.searchParams)
      return
    }
    const target = parsePath(url.pathname)
    if (isWatch) this.#watch(target, url.searchParams, response)
    else reply(response, this.#answer(seen, target, body))
  }

  #answer({ method, query }: FakeRequest, target: Target, body: Json | undefined): unknown {
    const { collection, namespace, name, subresource } = target
    const object = body as unknown as KubeObject
    if (method === 'GET')
      return name === undefined ? this.#list(target, query) : this.store.get(collection, namespace, name)
    if (method === 'POST') return this.store.create(collection, inNamespace(object, namespace))
    if (name === undefined) throw new StoreError(405, 'MethodNotAllowed')
    if (method === 'PUT') return this.store.update(collection, inNamespace(object, namespace), subresource)
    if (method === 'DELETE') {
      const uid = (body?.['preconditions'] as { uid?: string } | undefined)?.uid
      return this.store.delete(collection, namespace, name, uid)
    }
    const manager = query.get('fieldManager')
    if (manager !== null)
      return this.store.apply(collection, inNamespace(object, namespace), manager, subresource)
    return this.store.mergePatch(collection, { ...(namespace ? { namespace } : {}), name }, body ?? {})
  }

  #list(target: Target, query: URLSearchParams): unknown {
    const matching = this.store
      .list(target.collection, target.namespace)
      .filter(object => matches(object, query.get('labelSelector')))
    const limit = Number(query.get('limit') ?? matching.length)
    const [version = this.store.version, from = 0] = (query.get('continue') ?? '')
      .split('@')
      .filter(Boolean)
      .map(Number)
    if (version < this.store.compactedTo && from > 0) throw new StoreError(410, 'Expired')
    const more = from + limit < matching.length
    return {
      kind: 'List',
      metadata: {
        resourceVersion: String(version),
        ...(more ? { continue: `${version}@${from + limit}` } : {}),
      },
      items: matching.slice(from, from + limit).map(({ apiVersion: _a, kind: _k, ...rest }) => rest),
    }
  }

  #watch(target: Target, query: URLSearchParams, response: ServerResponse): void {
    const from = Number(query.get('resourceVersion') ?? 0)
    response.writeHead(200, { 'content-type': 'application/json' })
    if (from < this.store.compactedTo) {
      writeLine(response, {
        type: 'ERROR',
        object: { kind: 'Status', code: 410, reason: 'Expired', message: 'too old resource version' },
      })
      response.end()
      return
    }
    response.flushHeaders()
    const watcher: Watcher = { response, target, selector: query.get('labelSelector'), held: null }
    this.#watchers.add(watcher)
    response.on('close', () => this.#watchers.delete(watcher))
    for (const event of this.store.history) if (event.version > from) this.#send(watcher, event)
  }

  #send(watcher: Watcher, event: StoredEvent): void {
    const { target, selector, response } = watcher
    const ours =
      event.collection === target.collection &&
      (target.namespace === undefined || target.namespace === event.object.metadata.namespace) &&
      matches(event.object, selector)
    if (!ours || this.silent) return
    const late = watcher.held
    for (const each of [event, ...(this.duplicateEvents ? [event] : []), ...(late ? [late] : [])])
      writeLine(response, { type: each.type, object: each.object })
    watcher.held = this.lateEvents ? event : null
  }
}

function parsePath(path: string): Target {
  const parts = path.split('/').filter(Boolean).map(decodeURIComponent)
  const root = parts[0] === 'api' ? parts.splice(0, 2) : parts.splice(0, 3)
  const namespace = parts[0] === 'namespaces' && parts.length > 2 ? parts.splice(0, 2)[1] : undefined
  const [plural = '', name, subresource] = parts
  return { collection: `/${root.join('/')}/${plural}`, namespace, name, subresource }
}

function inNamespace(object: KubeObject, namespace: string | undefined): KubeObject {
  if (namespace === undefined) return object
  return { ...object, metadata: { ...object.metadata, namespace } }
}

function matches(object: KubeObject, selector: string | null): boolean {
  return (selector ?? '')
    .split(',')
    .filter(Boolean)
    .every(term => {
      const [name = '', value] = term.split('=')
      const label = object.metadata.labels?.[name]
      return value === undefined ? label !== undefined : label === value
    })
}

function reply(response: ServerResponse, body: unknown): void {
  response.writeHead(200, { 'content-type': 'application/json' })
  response.end(JSON.stringify(body))
}

function fail(response: ServerResponse, error: unknown): void {
  const status = error instanceof StoreError ? error.status : 500
  const reason = error instanceof StoreError ? error.reason : 'InternalError'
  response.writeHead(status)
  response.end(JSON.stringify({ kind: 'Status', code: status, reason, message: String(error) }))
}

function writeLine(response: ServerResponse, value: unknown): void {
  response.write(`${JSON.stringify(value)}\n`)
}

async function readJson(request: IncomingMessage): Promise<Json | undefined> {
  const chunks: Buffer[] = []
  for await (const chunk of request as AsyncIterable<Buffer>) chunks.push(chunk)
  const text = Buffer.concat(chunks).toString()
  return text === '' ? undefined : (JSON.parse(text) as Json)
}
