// Sends heartbeats to whichever operator leads. Its Service has no address of its own: the name stands for all operators
// there are, and those that do not lead say so. The one that answered last is asked first.
import { lookup } from 'node:dns/promises'
import { readFile } from 'node:fs/promises'
import type { Heartbeat, HeartbeatAnswer } from '#api/heartbeat.ts'
import { heartbeatAnswerSchema } from '#api/heartbeat.ts'
import { TransientError } from '#common/errors.ts'

export interface MasterLocation {
  /** `http://sluice-operator-master.sluice-system.svc:9465`. */
  url: string
  /** File with the token that proves who asks; read each time, since the kubelet renews it. */
  tokenFile: string
}

/** How long one operator may take to answer. */
const answerMs = 2_000

/**
 * An operator of before, which may lead during an upgrade or after it was taken back, refuses a split without `busy`,
 * though no worker ever knew it: lanes tell how busy they are (`lanes`).
 */
export function heartbeatBody(heartbeat: Heartbeat): string {
  return JSON.stringify({ ...heartbeat, held: heartbeat.held.map(split => ({ ...split, busy: null })) })
}

export class MasterClient {
  readonly #location: MasterLocation
  #leader: string | null = null

  constructor(location: MasterLocation) {
    this.#location = location
  }

  /** @throws TransientError SOURCE_UNREACHABLE when none of the operators answers as the master */
  async send(heartbeat: Heartbeat, signal: AbortSignal): Promise<HeartbeatAnswer> {
    const token = (await readFile(this.#location.tokenFile, 'utf8')).trim()
    const body = heartbeatBody(heartbeat)
    const refusals: string[] = []
    for (const address of await this.#addresses()) {
      const answered = await this.#ask(address, token, body, signal).catch((error: unknown) => String(error))
      if (typeof answered !== 'string') {
        this.#leader = address
        return answered
      }
      signal.throwIfAborted()
      refusals.push(`${address}: ${answered}`)
    }
    throw new TransientError(`No operator answered as the master (${refusals.join('; ')})`, {
      code: 'MASTER_UNREACHABLE',
    })
  }

  async #addresses(): Promise<string[]> {
    const { hostname } = new URL(this.#location.url)
    const found = await lookup(hostname.replace(/^\[(.*)\]$/, '$1'), { all: true }).catch(
      (cause: unknown) => {
        throw new TransientError(`The name of the master, ${hostname}, has no address`, {
          code: 'MASTER_UNREACHABLE',
          cause,
        })
      },
    )
    const addresses = found.map(({ address, family }) => (family === 6 ? `[${address}]` : address))
    const isLeader = (address: string): number => (address === this.#leader ? 0 : 1)
    return addresses.toSorted((a, b) => isLeader(a) - isLeader(b))
  }

  /** The answer, or why there is none. */
  async #ask(
    address: string,
    token: string,
    body: string,
    signal: AbortSignal,
  ): Promise<HeartbeatAnswer | string> {
    const url = new URL('/heartbeat', this.#location.url)
    url.hostname = address
    const response = await fetch(url, {
      method: 'POST',
      headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
      body,
      signal: AbortSignal.any([signal, AbortSignal.timeout(answerMs)]),
    })
    const text = await response.text()
    if (!response.ok) return `${response.status} ${text.slice(0, 200)}`
    const answer = heartbeatAnswerSchema.safeParse(JSON.parse(text))
    return answer.data ?? `an answer of another version: ${text.slice(0, 200)}`
  }
}
