// The store as one process sees it over a network. Every call is two events: the request takes effect, then the
// answer arrives. Between and around them anything may happen that happens to real requests and real processes.
import type { Process } from './process.ts'
import type { Random } from './random.ts'
import type { Scheduler } from './scheduler.ts'
import { TransientError } from '#common/errors.ts'
import type { MemoryStore } from '#lake/storage/memory.ts'
import type { ObjectInfo, ObjectStore } from '#lake/storage/object-store.ts'
import type { TaggedObject, TaggedStore } from '#lake/storage/tagged-store.ts'

type Fate =
  /** It takes effect and is answered, sooner or much later. */
  | 'answered'
  /** The process dies before it sends the request … */
  | 'crash before'
  /** … or when the request has taken effect and the answer is on its way. */
  | 'crash after'
  /** It never arrives; the client gives up. */
  | 'request lost'
  /** It takes effect, but the client never hears of it and gives up. */
  | 'answer lost'
  /** The client gives up, and only then it takes effect. */
  | 'late'
  /** It takes effect twice, the second time at any later time. */
  | 'twice'

/** How much goes wrong: probability of each fate but `answered`, for one call. */
export type Weather = Readonly<Partial<Record<Fate, number>>>

export const calm: Weather = {}

/** Sees each change of the store when it has happened. */
export type Observer = (path: string) => void

export interface Network {
  scheduler: Scheduler
  /** What is really there. */
  truth: MemoryStore
  weather: () => Weather
  observer: Observer
  /** Hears of every call when a single schedule is replayed. */
  trace: ((line: string) => void) | null
}

const clientTimeoutMs = 60_000

export class UnreliableStore implements ObjectStore, TaggedStore {
  readonly url = 'memory:'
  readonly #network: Network
  readonly #process: Process

  constructor(network: Network, process: Process) {
    this.#network = network
    this.#process = process
  }

  put(path: string, bytes: Uint8Array): Promise<void> {
    return this.#change(`put ${path}`, path, () => this.#network.truth.put(path, bytes))
  }

  /** One event, as nothing is visible before the end; what the chunks are made of are calls of their own. */
  async putStream(path: string, chunks: AsyncIterable<Uint8Array>): Promise<void> {
    const gathered: Uint8Array[] = []
    for await (const chunk of chunks) gathered.push(chunk)
    await this.put(path, Buffer.concat(gathered))
  }

  copy(from: string, to: string): Promise<boolean> {
    return this.#change(`copy ${from} to ${to}`, to, () => this.#network.truth.copy(from, to))
  }

  putIfAbsent(path: string, bytes: Uint8Array): Promise<boolean> {
    return this.#change(`putIfAbsent ${path}`, path, () => this.#network.truth.putIfAbsent(path, bytes))
  }

  delete(paths: readonly string[]): Promise<void> {
    return this.#change(`delete ${paths.join(' ')}`, paths[0] ?? '', () => this.#network.truth.delete(paths))
  }

  get(path: string): Promise<Uint8Array | null> {
    return this.#call(`get ${path}`, () => this.#network.truth.get(path))
  }

  getRange(path: string, start: number, length: number): Promise<Uint8Array | null> {
    return this.#call(`getRange ${path}`, () => this.#network.truth.getRange(path, start, length))
  }

  getTagged(path: string): Promise<TaggedObject | null> {
    return this.#call(`getTagged ${path}`, () => this.#network.truth.getTagged(path))
  }

  putTagged(path: string, bytes: Uint8Array, tag: string | null): Promise<string | null> {
    const put = (): Promise<string | null> => this.#network.truth.putTagged(path, bytes, tag)
    return this.#change(`putTagged ${path}`, path, put)
  }

  /** Page by page: what changes between two pages may be seen or not. */
  async *list(prefix: string, startAfter?: string): AsyncIterable<ObjectInfo> {
    const pageSize = this.#random.chance(0.3) ? this.#random.between(1, 4) : 1000
    for (let after = startAfter; ;) {
      const page = await this.#call(`list ${prefix} after ${after ?? ''}`, () =>
        this.#page(prefix, after, pageSize),
      )
      yield* page
      if (page.length < pageSize) return
      after = page.at(-1)!.path
    }
  }

  at(): ObjectStore {
    throw new Error('a simulated table is at the root')
  }

  close(): Promise<void> {
    return Promise.resolve()
  }

  get #random(): Random {
    return this.#network.scheduler.random
  }

  async #page(prefix: string, after: string | undefined, size: number): Promise<ObjectInfo[]> {
    const page: ObjectInfo[] = []
    for await (const info of this.#network.truth.list(prefix, after)) {
      page.push(info)
      if (page.length === size) break
    }
    return page
  }

  #change<T>(what: string, path: string, effect: () => Promise<T>): Promise<T> {
    return this.#call(what, async () => {
      const result = await effect()
      this.#network.observer(path)
      return result
    })
  }

  /** One call: draws its fate and schedules what follows from it. */
  #call<T>(what: string, effect: () => Promise<T>): Promise<T> {
    const { scheduler, trace } = this.#network
    const fate = this.#fate()
    const process = this.#process
    const requestMs = this.#travelMs()
    trace?.(`${process.name}: ${what}${fate === 'answered' ? '' : ` [${fate}]`}`)
    return new Promise<T>((resolve, reject) => {
      const ifAlive = (act: () => void) => () => {
        if (process.isAlive) act()
      }
      const giveUp = ifAlive(() =>
        reject(new TransientError(`${what}: no answer`, { code: 'STORAGE_UNAVAILABLE' })),
      )
      const takeEffect = async (): Promise<T> => {
        const result = await effect()
        trace?.(`${process.name}:   ${what} took effect${typeof result === 'boolean' ? `: ${result}` : ''}`)
        return result
      }
      switch (fate) {
        case 'crash before':
          process.crash()
          return
        case 'request lost':
          scheduler.after(clientTimeoutMs, giveUp)
          return
        case 'late':
          scheduler.after(clientTimeoutMs, giveUp)
          scheduler.after(
            clientTimeoutMs + this.#travelMs() + this.#longPauseMs(),
            async () => void (await takeEffect()),
          )
          return
        case 'twice':
          scheduler.after(requestMs + this.#longPauseMs(), async () => void (await takeEffect()))
      }
      scheduler.after(requestMs, async () => {
        const result = await takeEffect()
        if (fate === 'crash after') process.crash()
        if (fate === 'answer lost') scheduler.after(clientTimeoutMs, giveUp)
        else
          scheduler.after(
            this.#travelMs(),
            ifAlive(() => resolve(result)),
          )
      })
    })
  }

  #fate(): Fate {
    let drawn = this.#random.next()
    for (const [fate, probability] of Object.entries(this.#network.weather()) as [Fate, number][]) {
      if (drawn < probability) return fate
      drawn -= probability
    }
    return 'answered'
  }

  /** Mostly milliseconds, now and then so long that the world moves on: a pause of the process or the network. */
  #travelMs(): number {
    const drawn = this.#random.next()
    if (drawn < 0.9) return this.#random.between(1, 30)
    if (drawn < 0.97) return this.#random.between(100, 5_000)
    return this.#longPauseMs()
  }

  #longPauseMs(): number {
    return this.#random.chance(0.2)
      ? this.#random.between(60_000, 3 * 3_600_000)
      : this.#random.between(1_000, 120_000)
  }
}
