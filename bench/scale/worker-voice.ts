// A worker of the fleet as the master hears it: a pod's own token, and heartbeats with it.
import type { Heartbeat } from '#api/heartbeat.ts'
import { masterAudience } from '#operator/heartbeat/token-review.ts'
import type { KubeClient } from '#operator/kube/client.ts'
import { resourcePath } from '#operator/kube/object.ts'
import { podType, serviceAccountType } from '#operator/resources.ts'
import { jobLabel, workerName } from '#operator/sync-job/names.ts'

export class WorkerVoice {
  readonly #token: string
  readonly #facts: Omit<Heartbeat, 'number'>
  #number = 0

  private constructor(token: string, facts: Omit<Heartbeat, 'number'>) {
    this.#token = token
    this.#facts = facts
  }

  /** Of the one worker of a job. */
  static async of(client: KubeClient, job: string): Promise<WorkerVoice> {
    const at = { namespace: 'fleet', name: workerName(job) }
    const [pod] = await client.list(podType, { namespace: 'fleet', labelSelector: `${jobLabel}=${job}` })
    if (pod === undefined) throw new Error(`${job} has no worker`)
    const { name, uid } = pod.metadata
    const answer = await client.request<{ status: { token: string } }>({
      method: 'POST',
      path: `${resourcePath(serviceAccountType, at)}/token`,
      body: {
        apiVersion: 'authentication.k8s.io/v1',
        kind: 'TokenRequest',
        spec: {
          audiences: [masterAudience],
          expirationSeconds: 3600,
          boundObjectRef: { apiVersion: 'v1', kind: 'Pod', name, uid },
        },
      },
    })
    return new WorkerVoice(answer.status.token, {
      job: { namespace: 'fleet', name: job },
      worker: name,
      startedAtMs: Date.now(),
      term: 0,
      plan: '',
      capacity: 1,
      leaving: false,
      held: [],
      finished: [],
      planned: null,
      leases: [],
    })
  }

  /** Whether the operator at this port of the machine answers as master. */
  async isHeard(port: number): Promise<boolean> {
    const answer = await fetch(`http://127.0.0.1:${port}/heartbeat`, {
      method: 'POST',
      headers: { authorization: `Bearer ${this.#token}` },
      body: JSON.stringify({ ...this.#facts, number: ++this.#number } satisfies Heartbeat),
    })
    await answer.arrayBuffer()
    return answer.status === 200
  }
}
