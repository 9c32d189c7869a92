// Keeps an ObjectCache in step with one kind of resource: a paginated list, then a watch from the list's version,
// for ever. It survives what API servers do to long watches: they end (timeoutSeconds, on purpose and jittered),
// break, go silent (dead-peer check), answer 429 or 500, or have forgotten our version (410: list again).
// Protocol: https://kubernetes.io/docs/reference/using-api/api-concepts/#efficient-detection-of-changes
//
// Lists are always consistent reads (no resourceVersion): since 1.31 API servers serve them from the watch cache,
// and unlike `resourceVersion=0` they never take the cache back in time.
import type { Clock } from '#common/clock.ts'
import { TransientError } from '#common/errors.ts'
import { errorFields } from '#common/logger.ts'
import type { Logger } from '#common/logger.ts'
import { nextDelayMs } from '#common/retry.ts'
import { askedDelayMs, errorFromStatus, isExpired } from './api-error.ts'
import type { Status } from './api-error.ts'
import type { KubeClient, WatchEvent } from './client.ts'
import { ObjectCache } from './object-cache.ts'
import type { Change, Indexers } from './object-cache.ts'
import { isLaterVersion, resourcePath } from './object.ts'
import type { KubeObject, ResourceType } from './object.ts'

export interface ReflectorOptions<T extends KubeObject> {
  client: KubeClient
  type: ResourceType<T>
  /** Undefined: all namespaces. */
  namespace?: string | undefined
  labelSelector?: string
  indexers?: Indexers<T>
  /** Hears every change, in order. Its errors are logged and do not stop the reflector. */
  onChange: (change: Change<T>) => void
  clock: Clock
  logger: Logger
}

const pageSize = 500
/** Servers send a bookmark about every minute; a connection silent for longer is dead. */
const silenceMaxMs = 90_000
const watchSecondsMin = 300
const backoff = { firstMs: 200, maxMs: 30_000, tries: Infinity }

interface ObjectList<T> {
  metadata: { resourceVersion: string; continue?: string }
  items: T[]
}

export class Reflector<T extends KubeObject> {
  readonly cache: ObjectCache<T>
  readonly #options: ReflectorOptions<T>
  readonly #path: string
  readonly #synced = Promise.withResolvers<void>()
  #resourceVersion: string | null = null
  #hasSynced = false
  /** Whether the watch told us anything: then its failure starts a new back-off. */
  #progressed = false
  #lastContactMs = -Infinity
  /** Ends the watch under way, or the wait for the next one. */
  #renewal = new AbortController()

  constructor(options: ReflectorOptions<T>) {
    this.#options = options
    this.cache = new ObjectCache(options.indexers)
    this.#path = resourcePath(options.type, { namespace: options.namespace })
  }

  /** Resolves once the first list is in the cache. */
  get synced(): Promise<void> {
    return this.#synced.promise
  }

  get hasSynced(): boolean {
    return this.#hasSynced
  }

  /** How long ago the server was last heard about this kind, ms. */
  get stalenessMs(): number {
    return this.#options.clock.monotonicMs() - this.#lastContactMs
  }

  /** Goes on from where it is, now and over a new connection: the one there is may be dead, and nobody the wiser. */
  renew(): void {
    this.#renewal.abort()
  }

  /** Runs until the signal aborts; never rejects for what the server did. */
  async run(signal: AbortSignal): Promise<void> {
    const { clock, logger, type } = this.#options
    let delayMs = 0
    while (!signal.aborted) {
      const startedMs = clock.monotonicMs()
      this.#progressed = false
      const renewal = new AbortController()
      this.#renewal = renewal
      const renewed = AbortSignal.any([signal, renewal.signal])
      try {
        if (this.#resourceVersion === null) await this.#list(signal)
        await this.#watch(this.#resourceVersion ?? '', renewed)
        // A server that ends every watch at once must not be asked in a tight loop.
        delayMs = this.#progressed || clock.monotonicMs() - startedMs > 1000 ? 0 : this.#nextDelay(delayMs)
      } catch (error) {
        if (signal.aborted) return
        if (renewal.signal.aborted) continue
        if (isExpired(error)) this.#resourceVersion = null
        delayMs = Math.max(this.#nextDelay(this.#progressed ? 0 : delayMs), askedDelayMs(error))
        logger.warn('watch interrupted', { kind: type.kind, retryInMs: delayMs, ...errorFields(error) })
      }
      if (delayMs > 0) await clock.sleep(delayMs, renewed)
    }
  }

  #nextDelay(previousMs: number): number {
    return nextDelayMs(backoff, previousMs, this.#options.clock.random())
  }

  async #list(signal: AbortSignal): Promise<void> {
    const objects: T[] = []
    let page = null as ObjectList<T> | null
    do {
      page = await this.#options.client.request<ObjectList<T>>({
        method: 'GET',
        path: this.#path,
        query: {
          limit: pageSize,
          continue: page?.metadata.continue,
          labelSelector: this.#options.labelSelector,
        },
        signal,
      })
      this.#lastContactMs = this.#options.clock.monotonicMs()
      for (const item of page.items) objects.push(this.#trim(item))
    } while (page.metadata.continue !== undefined && page.metadata.continue !== '')
    for (const change of this.cache.replace(objects)) this.#tell(change)
    this.#resourceVersion = page.metadata.resourceVersion
    this.#hasSynced = true
    this.#synced.resolve()
  }

  async #watch(resourceVersion: string, signal: AbortSignal): Promise<void> {
    const { client, clock, labelSelector } = this.#options
    const events = client.watch({
      method: 'GET',
      path: this.#path,
      query: {
        watch: 1,
        allowWatchBookmarks: true,
        resourceVersion,
        timeoutSeconds: Math.round(watchSecondsMin * (1 + clock.random())),
        labelSelector,
      },
      idleTimeoutMs: silenceMaxMs,
      signal,
    })
    for await (const event of events) this.#take(event)
  }

  #take(event: WatchEvent): void {
    this.#lastContactMs = this.#options.clock.monotonicMs()
    if (event.type === 'ERROR') {
      const status = event.object as Status
      throw errorFromStatus(status.code ?? 500, status, { method: 'WATCH', path: this.#path })
    }
    this.#progressed = true
    const object = event.object as T
    if (event.type !== 'BOOKMARK') {
      const trimmed = this.#trim(object)
      const changes = event.type === 'DELETED' ? this.cache.remove(trimmed) : this.cache.upsert(trimmed)
      for (const change of changes) this.#tell(change)
    }
    const { resourceVersion } = object.metadata
    if (resourceVersion === undefined)
      throw new TransientError('watch: an event without a version', { code: 'KUBE_UNAVAILABLE' })
    // Never back: a late event must not make the next watch start earlier than this one did.
    if (isLaterVersion(resourceVersion, this.#resourceVersion ?? undefined))
      this.#resourceVersion = resourceVersion
  }

  /** Lists leave out apiVersion and kind; managedFields are half of an object's weight and nobody here reads them. */
  #trim(object: T): T {
    const { managedFields: _, ...metadata } = object.metadata
    const { apiVersion, kind } = this.#options.type
    return { ...object, apiVersion, kind, metadata }
  }

  #tell(change: Change<T>): void {
    try {
      this.#options.onChange(change)
    } catch (error) {
      this.#options.logger.error('change handler failed', errorFields(error))
    }
  }
}
