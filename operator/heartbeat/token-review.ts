// Who sends a heartbeat: the API server says whether a pod's token is genuine, and whose it is. Tokens are projected into
// worker pods for our audience alone, so that one that got lost opens nothing else.
// https://kubernetes.io/docs/reference/kubernetes-api/authentication-resources/token-review-v1/
import { createHash } from 'node:crypto'
import type { Clock } from '#common/clock.ts'
import type { KubeClient } from '../kube/client.ts'
import { NewestMap } from './newest-map.ts'
import { RefusedSenders } from './refused-senders.ts'

/** The audience of the tokens. */
export const masterAudience = 'sluice-operator'

/** A pod, as its token proves. */
export interface PodIdentity {
  namespace: string
  serviceAccount: string
  pod: string
  podUid: string
}

interface TokenReview {
  status?: {
    authenticated?: boolean
    audiences?: string[]
    user?: { username?: string; extra?: Record<string, string[]> }
  }
}

/** How long an answer of the API server serves: a deleted pod's token works so much longer. */
const servesMs = 30_000
const kept = 10_000

export class TokenReviewer {
  readonly #client: KubeClient
  readonly #clock: Clock
  readonly #known = new NewestMap<string, { atMs: number; identity: PodIdentity | null }>(kept)
  readonly #refused: RefusedSenders

  constructor(client: KubeClient, clock: Clock) {
    this.#client = client
    this.#clock = clock
    this.#refused = new RefusedSenders(clock)
  }

  /**
   * Null: the token is not one of a pod for us, or its sender has given too many that are not.
   * @param address where it came from
   * @throws as KubeClient.request() when the API server cannot be asked
   */
  async identify(token: string, address: string): Promise<PodIdentity | null> {
    const nowMs = this.#clock.monotonicMs()
    const hash = createHash('sha256').update(token).digest('base64')
    const known = this.#known.get(hash)
    if (known !== undefined && nowMs - known.atMs < servesMs) return known.identity
    return this.#refused.unlessRefused(address, () => this.#review(token, hash))
  }

  async #review(token: string, hash: string): Promise<PodIdentity | null> {
    const nowMs = this.#clock.monotonicMs()
    const review = await this.#client.request<TokenReview>({
      method: 'POST',
      path: '/apis/authentication.k8s.io/v1/tokenreviews',
      body: {
        apiVersion: 'authentication.k8s.io/v1',
        kind: 'TokenReview',
        spec: { token, audiences: [masterAudience] },
      },
    })
    const identity = identityOf(review)
    this.#known.set(hash, { atMs: nowMs, identity })
    return identity
  }
}

function identityOf({ status = {} }: TokenReview): PodIdentity | null {
  const { authenticated, audiences = [], user = {} } = status
  if (authenticated !== true || !audiences.includes(masterAudience)) return null
  const account = /^system:serviceaccount:([^:]+):([^:]+)$/.exec(user.username ?? '')
  const claim = (name: string): string | undefined =>
    user.extra?.[`authentication.kubernetes.io/${name}`]?.[0]
  const [pod, podUid] = [claim('pod-name'), claim('pod-uid')]
  if (account === null || pod === undefined || podUid === undefined) return null
  return { namespace: account[1]!, serviceAccount: account[2]!, pod, podUid }
}
