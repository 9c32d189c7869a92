// What the workers say about themselves. Asked over HTTP at the pods' own addresses, since a worker knows its lag
// and its errors and Kubernetes does not. A worker that misses an answer keeps its last one for a while: a lost
// packet is not news.
import { get } from 'node:http'
import { workerHttpPort, workerStatusSchema } from '#api/worker-status.ts'
import type { WorkerStatus } from '#api/worker-status.ts'
import type { Clock } from '#common/clock.ts'
import { describeError } from '#common/errors.ts'
import type { Pod } from '../resources.ts'
import { isRunning } from './observe.ts'

/** Asks one worker. Rejects when it does not answer, or not with a status. */
export type AskWorker = (podIP: string) => Promise<WorkerStatus>

export type WorkerReport =
  | { kind: 'status'; status: WorkerStatus }
  /** It runs and does not answer for longer than a hiccup takes. */
  | { kind: 'unreachable'; message: string }

const forgiveMs = 30_000
const askTimeoutMs = 2000
const answerBytesMax = 4 * 1024 * 1024

export class WorkerReports {
  readonly #ask: AskWorker
  readonly #clock: Clock
  /** By pod uid: the last answer, and since when there was none. */
  readonly #known = new Map<string, { status: WorkerStatus | null; silentSinceMs: number | null }>()

  constructor(ask: AskWorker, clock: Clock) {
    this.#ask = ask
    this.#clock = clock
  }

  /** A report of each pod that runs; one that only just started and does not answer yet gives none. */
  async of(pods: readonly Pod[]): Promise<WorkerReport[]> {
    const reports = await Promise.all(pods.filter(isRunning).map(pod => this.#report(pod)))
    return reports.filter(report => report !== null)
  }

  forget(pod: Pod): void {
    this.#known.delete(pod.metadata.uid ?? '')
  }

  async #report(pod: Pod): Promise<WorkerReport | null> {
    const uid = pod.metadata.uid ?? ''
    const known = this.#known.get(uid) ?? { status: null, silentSinceMs: null }
    try {
      const status = await this.#ask(pod.status?.podIP ?? '')
      this.#known.set(uid, { status, silentSinceMs: null })
      return { kind: 'status', status }
    } catch (error) {
      const nowMs = this.#clock.monotonicMs()
      const silentSinceMs = known.silentSinceMs ?? nowMs
      this.#known.set(uid, { ...known, silentSinceMs })
      if (nowMs - silentSinceMs < forgiveMs)
        return known.status === null ? null : { kind: 'status', status: known.status }
      return {
        kind: 'unreachable',
        message: `worker ${pod.metadata.name} does not answer at port ${workerHttpPort}: ${describeError(error)}`,
      }
    }
  }
}

/** GET /status, within two seconds and a few megabytes. */
export async function askOverHttp(podIP: string, port = workerHttpPort): Promise<WorkerStatus> {
  const host = podIP.includes(':') ? `[${podIP}]` : podIP
  const text = await new Promise<string>((resolve, reject) => {
    // A connection of its own: kept alive, it would be closed by the worker about when the next poll uses it.
    const options = { signal: AbortSignal.timeout(askTimeoutMs), agent: false }
    const request = get(`http://${host}:${port}/status`, options, response => {
      const chunks: Buffer[] = []
      let size = 0
      response.on('data', (chunk: Buffer) => {
        chunks.push(chunk)
        size += chunk.length
        if (size > answerBytesMax) response.destroy(new Error(`the answer exceeds ${answerBytesMax} bytes`))
      })
      response.on('error', reject)
      response.on('end', () => {
        if (response.statusCode === 200) resolve(Buffer.concat(chunks).toString('utf8'))
        else reject(new Error(`it answered ${response.statusCode}`))
      })
    })
    request.on('error', reject)
  })
  return workerStatusSchema.parse(JSON.parse(text))
}
