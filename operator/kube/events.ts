// Events (events.k8s.io/v1) tell a person what happened to an object. The same event again is one object with a
// growing series, not a second one, and is written at most once a minute: an object that fails every second must
// not fill etcd. Recording never fails and never waits; what cannot be written is logged.
import type { Clock } from '#common/clock.ts'
import { errorFields } from '#common/logger.ts'
import type { Logger } from '#common/logger.ts'
import type { KubeClient } from './client.ts'
import { microTime } from './leader-election.ts'
import { resourcePath } from './object.ts'
import type { KubeObject, ResourceType } from './object.ts'

export interface EventObject extends KubeObject {
  eventTime: string
  type: 'Normal' | 'Warning'
  reason: string
  action: string
  note: string
  reportingController: string
  reportingInstance: string
  regarding: Record<string, string | undefined>
  series?: { count: number; lastObservedTime: string }
}

export const eventType: ResourceType<EventObject> = {
  apiVersion: 'events.k8s.io/v1',
  kind: 'Event',
  plural: 'events',
  namespaced: true,
}

export interface Happening {
  type: 'Normal' | 'Warning'
  /** Why, in one CamelCase word or an error code. */
  reason: string
  /** What was done or tried, one CamelCase word. */
  action: string
  note: string
}

export interface EventRecorderOptions {
  client: KubeClient
  controller: string
  instance: string
  clock: Clock
  logger: Logger
}

interface Series {
  name: string
  namespace: string
  count: number
  writtenAtMs: number
  seenAtMs: number
}

const writeIntervalMs = 60_000
/** A series ends when it is silent for so long; the next one is a new event. */
const seriesSilenceMs = 6 * 60_000
const seriesMax = 4096
const noteLengthMax = 1024

export class EventRecorder {
  readonly #options: EventRecorderOptions
  readonly #series = new Map<string, Series>()
  #writing: Promise<void> = Promise.resolve()
  #queued = 0

  constructor(options: EventRecorderOptions) {
    this.#options = options
  }

  record(regarding: KubeObject, happening: Happening): void {
    const nowMs = this.#options.clock.nowMs()
    const key = [regarding.metadata.uid, ...Object.values(happening)].join('\u0000')
    const known = this.#series.get(key)
    if (known !== undefined && nowMs - known.seenAtMs < seriesSilenceMs) {
      known.count++
      known.seenAtMs = nowMs
      if (known.writtenAtMs + writeIntervalMs <= nowMs) {
        known.writtenAtMs = nowMs
        this.#enqueue(() => this.#continueSeries(known, nowMs))
      }
      return
    }
    const event = this.#event(regarding, happening, nowMs)
    const namespace = event.metadata.namespace ?? 'default'
    this.#remember(key, {
      name: event.metadata.name,
      namespace,
      count: 1,
      writtenAtMs: nowMs,
      seenAtMs: nowMs,
    })
    this.#enqueue(() => this.#options.client.create(eventType, event))
  }

  /** Resolves when what was recorded so far is written. */
  async flush(): Promise<void> {
    await this.#writing
  }

  #event(regarding: KubeObject, happening: Happening, nowMs: number): EventObject {
    const { controller, instance, clock } = this.#options
    const { name, namespace, uid, resourceVersion } = regarding.metadata
    return {
      apiVersion: eventType.apiVersion,
      kind: eventType.kind,
      metadata: {
        name: `${name.slice(0, 200)}.${clock.uuid().slice(-12)}`,
        namespace: namespace ?? 'default',
      },
      eventTime: microTime(nowMs),
      reportingController: controller,
      reportingInstance: instance.slice(0, 128),
      regarding: {
        apiVersion: regarding.apiVersion,
        kind: regarding.kind,
        name,
        namespace,
        uid,
        resourceVersion,
      },
      ...happening,
      note: happening.note.slice(0, noteLengthMax),
    }
  }

  async #continueSeries(series: Series, nowMs: number): Promise<unknown> {
    return this.#options.client.request({
      method: 'PATCH',
      path: resourcePath(eventType, series),
      contentType: 'application/merge-patch+json',
      body: { series: { count: series.count, lastObservedTime: microTime(nowMs) } },
    })
  }

  #remember(key: string, series: Series): void {
    this.#series.delete(key)
    this.#series.set(key, series)
    if (this.#series.size <= seriesMax) return
    for (const oldest of this.#series.keys()) {
      this.#series.delete(oldest)
      return
    }
  }

  /** One write after the other; beyond a bound new ones are dropped, the log has them. */
  #enqueue(write: () => Promise<unknown>): void {
    if (this.#queued >= seriesMax) return
    this.#queued++
    this.#writing = this.#writing.then(async () => {
      try {
        await write()
      } catch (error) {
        this.#options.logger.warn('event not recorded', errorFields(error))
      } finally {
        this.#queued--
      }
    })
  }
}
