// Where the API server is and how to prove who we are. Kubeconfigs, in-cluster tokens, client certificates and
// exec plug-ins are read by @kubernetes/client-node; everything after that is ours, because its watch and
// informer give up on the first error they meet.
import type { RequestOptions } from 'node:https'
import type { KubeConfig } from '@kubernetes/client-node'
import type { Clock } from '#common/clock.ts'
import { ConfigError } from '#common/errors.ts'

export interface ApiEndpoint {
  readonly url: URL
  /** TLS material and headers for the next request. */
  credentials(): Promise<RequestOptions>
}

/** How long credentials are used before they are read again: tokens in files are replaced while we run. */
const credentialsAgeMaxMs = 10_000

/**
 * The endpoint of the current context of $KUBECONFIG, ~/.kube/config or the pod's service account.
 * @throws ConfigError KUBE_FORBIDDEN when no cluster is configured
 */
export async function loadEndpoint(clock: Clock): Promise<ApiEndpoint & { namespace: string }> {
  const { KubeConfig } = await import('@kubernetes/client-node')
  const config = new KubeConfig()
  config.loadFromDefault()
  const cluster = config.getCurrentCluster()
  if (cluster === null)
    throw new ConfigError('no cluster: neither a kubeconfig nor a service account token was found', {
      code: 'KUBE_FORBIDDEN',
    })
  const namespace = config.getContextObject(config.getCurrentContext())?.namespace ?? 'default'
  return { url: new URL(cluster.server), namespace, credentials: cachedCredentials(config, clock) }
}

function cachedCredentials(config: KubeConfig, clock: Clock): () => Promise<RequestOptions> {
  let cached: RequestOptions | null = null
  let readAtMs = -Infinity
  return async () => {
    if (cached === null || clock.monotonicMs() - readAtMs > credentialsAgeMaxMs) {
      const options: RequestOptions = {}
      await config.applyToHTTPSOptions(options)
      // Its agent keeps no connection open; the client brings its own, unless a proxy is configured.
      if (config.getCurrentCluster()?.proxyUrl === undefined) delete options.agent
      cached = options
      readAtMs = clock.monotonicMs()
    }
    return cached
  }
}
