// The log of a pod's container, as the API server fetches it from the pod's node.
import { statusOf } from '#operator/kube/api-error.ts'
import type { KubeClient } from '#operator/kube/client.ts'
import { resourcePath } from '#operator/kube/object.ts'
import { podType } from '#operator/resources.ts'
import type { Pod } from '#operator/resources.ts'

export interface LogQuery {
  /** The last lines only. */
  tailLines?: number | undefined
  follow?: boolean
  /** Of the container before its last restart. */
  previous?: boolean
  /** No more than about so much. */
  limitBytes?: number
  signal?: AbortSignal
}

const silenceMaxMs = 30_000

/** @throws ConfigError for a container that has no log yet: see hasNoLog */
export function streamLog(client: KubeClient, pod: Pod, query: LogQuery): AsyncGenerator<Uint8Array> {
  const { signal, follow = false, ...rest } = query
  const { namespace, name } = pod.metadata
  return client.stream({
    method: 'GET',
    path: `${resourcePath(podType, { namespace, name })}/log`,
    query: { container: pod.spec.containers[0]?.name, follow, ...rest },
    accept: 'application/json, */*',
    // A worker may have nothing to say for hours.
    idleTimeoutMs: follow ? 0 : silenceMaxMs,
    signal,
  })
}

export async function readLog(client: KubeClient, pod: Pod, query: LogQuery): Promise<string> {
  const chunks: Uint8Array[] = []
  for await (const chunk of streamLog(client, pod, query)) chunks.push(chunk)
  return Buffer.concat(chunks).toString('utf8')
}

/** The container has not started yet, has not been started before, or its pod is gone. */
export function hasNoLog(error: unknown): boolean {
  return statusOf(error) === 400 || statusOf(error) === 404
}

export function restartsOf({ status }: Pod): number {
  return status?.containerStatuses?.[0]?.restartCount ?? 0
}
