// Where the API server is and how to prove who we are. Kubeconfigs, in-cluster tokens, client certificates and
// exec plug-ins are read by @kubernetes/client-node; everything after that is ours, because its watch and
// informer give up on the first error they meet.
import type { RequestOptions } from 'node:https'
import type { KubeConfig } from '@kubernetes/client-node'
import { closest } from '#api/closest.ts'
import type { Clock } from '#common/clock.ts'
import { ConfigError } from '#common/errors.ts'

export interface ApiEndpoint {
  readonly url: URL
  /** TLS material and headers for the next request. */
  credentials(): Promise<RequestOptions>
}

/** How long credentials are used before they are read again: tokens in files are replaced while we run. */
const credentialsAgeMaxMs = 10_000

/** Which cluster, where several are configured. */
export interface EndpointChoice {
  /** A kubeconfig other than that of $KUBECONFIG. */
  kubeconfig?: string | undefined
  /** A context other than the current one. */
  context?: string | undefined
}

/**
 * The endpoint of a context of $KUBECONFIG or ~/.kube/config, or of the pod's service account, and the namespace
 * that goes with it.
 * @throws ConfigError KUBE_CONFIG_MISSING when no cluster is configured, KUBE_CONFIG_INVALID
 */
export async function loadEndpoint(
  clock: Clock,
  choice: EndpointChoice = {},
): Promise<ApiEndpoint & { namespace: string; context: string }> {
  const { KubeConfig } = await import('@kubernetes/client-node')
  const config = new KubeConfig()
  readConfig(config, choice)
  if (choice.context !== undefined) chooseContext(config, choice.context)
  const cluster = config.getCurrentCluster()
  if (cluster === null || isLastResort(config)) throw noCluster(config)
  const context = config.getCurrentContext()
  const namespace = config.getContextObject(context)?.namespace ?? 'default'
  return { url: new URL(cluster.server), namespace, context, credentials: cachedCredentials(config, clock) }
}

function readConfig(config: KubeConfig, { kubeconfig }: EndpointChoice): void {
  try {
    if (kubeconfig === undefined) config.loadFromDefault()
    else config.loadFromFile(kubeconfig)
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === 'ENOENT')
      throw new ConfigError('there is no such kubeconfig', { code: 'KUBE_CONFIG_MISSING', cause })
    throw new ConfigError('the kubeconfig cannot be read', { code: 'KUBE_CONFIG_INVALID', cause })
  }
}

function chooseContext(config: KubeConfig, context: string): void {
  const names = config.getContexts().map(({ name }) => name)
  if (!names.includes(context)) {
    const meant = closest(context, names)
    const hint = meant === undefined ? `there are: ${names.join(', ')}` : `did you mean "${meant}"?`
    throw new ConfigError(`the kubeconfig has no context "${context}"; ${hint}`, {
      code: 'KUBE_CONFIG_INVALID',
    })
  }
  config.setCurrentContext(context)
}

/** Without any configuration client-node assumes a server on this machine. */
function isLastResort(config: KubeConfig): boolean {
  return (
    config.getCurrentCluster()?.server === 'http://localhost:8080' && config.getCurrentUser()?.name === 'user'
  )
}

function noCluster(config: KubeConfig): ConfigError {
  const current = config.getCurrentContext()
  if (config.getContexts().length > 0 && !isLastResort(config))
    return new ConfigError(
      current
        ? `the context "${current}" of the kubeconfig names no cluster in it`
        : 'no context is the current one',
      { code: 'KUBE_CONFIG_INVALID' },
    )
  return new ConfigError('no cluster: neither a kubeconfig nor a service account token was found', {
    code: 'KUBE_CONFIG_MISSING',
  })
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
