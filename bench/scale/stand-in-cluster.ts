// A cluster that costs next to nothing: the stand-in API server of the tests, and one function that plays controllers and
// kubelets. So a fleet of thousands is there within minutes, and what is measured is the operator.
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { masterAudience } from '#operator/heartbeat/token-review.ts'
import type { KubeObject } from '#operator/kube/object.ts'
import type { Deployment } from '#operator/resources.ts'
import { workerName } from '#operator/sync-job/names.ts'
import { FakeApiServer } from '#test/operator/fake-api-server.ts'
import { collections } from '#test/operator/sync-job/fixtures.ts'

const namespace = 'fleet'

export class StandInCluster {
  readonly server: FakeApiServer
  readonly env: { KUBECONFIG: string }
  #pods = 0

  private constructor(server: FakeApiServer, kubeconfig: string) {
    this.server = server
    this.env = { KUBECONFIG: kubeconfig }
    server.store.subscribe(({ type, collection, object }) => {
      if (type === 'DELETED' || collection !== collections.deployments) return
      // What answers the request that made it comes first.
      setImmediate(() => this.#carryOut(object as Deployment))
    })
  }

  /** @param dir for files of its own */
  static async start(dir: string): Promise<StandInCluster> {
    const server = await FakeApiServer.start()
    const kubeconfig = join(dir, 'kubeconfig')
    const cluster = { server: server.endpoint.url.href, 'insecure-skip-tls-verify': true }
    const config = {
      apiVersion: 'v1',
      kind: 'Config',
      'current-context': 'stand-in',
      contexts: [{ name: 'stand-in', context: { cluster: 'stand-in', user: 'anybody' } }],
      clusters: [{ name: 'stand-in', cluster }],
      users: [{ name: 'anybody', user: {} }],
    }
    await writeFile(kubeconfig, JSON.stringify(config))
    return new StandInCluster(server, kubeconfig)
  }

  /** Makes a token for the one worker of this job, and knows whose it is; of no other job. */
  knowTokensOf(job: string): void {
    const name = workerName(job)
    const { others, store } = this.server
    const { metadata } = store.get(collections.pods, namespace, `${name}-1`)
    const extra = {
      'authentication.kubernetes.io/pod-name': [metadata.name],
      'authentication.kubernetes.io/pod-uid': [metadata.uid],
    }
    const user = { username: `system:serviceaccount:${namespace}:${name}`, extra }
    const status = { authenticated: true, audiences: [masterAudience], user }
    others.set(`/api/v1/namespaces/${namespace}/serviceaccounts/${name}/token`, response =>
      response.end(JSON.stringify({ status: { token: name } })),
    )
    others.set('/apis/authentication.k8s.io/v1/tokenreviews', response =>
      response.end(JSON.stringify({ status })),
    )
  }

  /** One pod, which runs at once, or none. */
  #carryOut({ metadata, spec }: Deployment): void {
    const { store } = this.server
    const replicas = spec.replicas ?? 1
    const name = `${metadata.name}-1`
    const pod = store.find(collections.pods, namespace, name)
    if (replicas === 0 && pod !== undefined) store.delete(collections.pods, namespace, name)
    if (replicas > 0 && pod === undefined)
      store.create(collections.pods, this.#podOf({ metadata, spec } as Deployment))
    const live = store.get(collections.deployments, namespace, metadata.name) as Deployment
    const status = { observedGeneration: metadata.generation, replicas, updatedReplicas: replicas }
    if (live.status?.observedGeneration !== status.observedGeneration)
      store.update(collections.deployments, { ...live, status } as KubeObject, 'status')
  }

  #podOf({ metadata, spec }: Deployment): KubeObject {
    const number = ++this.#pods
    return {
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { name: `${metadata.name}-1`, namespace, labels: metadata.labels },
      spec: spec.template.spec,
      status: {
        phase: 'Running',
        podIP: `127.64.${number >> 8}.${number & 255}`,
        conditions: [{ type: 'Ready', status: 'True' }],
        containerStatuses: [{ restartCount: 0, state: { running: {} } }],
      },
    } as KubeObject
  }
}
