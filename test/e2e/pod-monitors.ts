// What the Prometheus operator would make of the PodMonitors in a cluster: entries of `scrape_configs` that find the same
// pods and give their series the same labels (as far as the chart uses PodMonitors).
interface Requirement {
  key: string
  operator: string
  values?: string[]
}

interface PodMetricsEndpoint {
  port: string
  honorLabels?: boolean
}

export interface PodMonitor {
  metadata: { name: string; namespace: string }
  spec: {
    selector: { matchLabels?: Record<string, string>; matchExpressions?: Requirement[] }
    namespaceSelector?: { any?: boolean; matchNames?: string[] }
    podTargetLabels?: string[]
    podMetricsEndpoints: PodMetricsEndpoint[]
  }
}

export function scrapeConfigs(monitors: readonly PodMonitor[], kubeconfig: string): object[] {
  return monitors.flatMap(monitor =>
    monitor.spec.podMetricsEndpoints.map(endpoint => scrapeConfig(monitor, endpoint, kubeconfig)),
  )
}

function scrapeConfig(
  { metadata, spec }: PodMonitor,
  endpoint: PodMetricsEndpoint,
  kubeconfig: string,
): object {
  const { namespaceSelector = { matchNames: [metadata.namespace] }, selector, podTargetLabels = [] } = spec
  const namespaces = namespaceSelector.any ? {} : { namespaces: { names: namespaceSelector.matchNames } }
  const labels = Object.entries(selector.matchLabels ?? {}).map(([key, value]) => keep(podLabel(key), value))
  const expressions = (selector.matchExpressions ?? []).map(({ key, operator, values = [] }) => {
    if (operator !== 'In')
      throw new Error(`a PodMonitor selects by the operator ${operator}, which this cannot`)
    return keep(podLabel(key), values.join('|'))
  })
  return {
    job_name: `podMonitor/${metadata.namespace}/${metadata.name}`,
    honor_labels: endpoint.honorLabels === true,
    kubernetes_sd_configs: [{ role: 'pod', kubeconfig_file: kubeconfig, ...namespaces }],
    relabel_configs: [
      ...labels,
      ...expressions,
      keep('__meta_kubernetes_pod_container_port_name', endpoint.port),
      copy('__meta_kubernetes_namespace', 'namespace'),
      copy('__meta_kubernetes_pod_container_name', 'container'),
      copy('__meta_kubernetes_pod_name', 'pod'),
      { target_label: 'job', replacement: `${metadata.namespace}/${metadata.name}` },
      ...podTargetLabels.map(key => copy(podLabel(key), sanitized(key))),
    ],
  }
}

const keep = (source: string, regex: string): object => ({ source_labels: [source], regex, action: 'keep' })
const copy = (source: string, target: string): object => ({ source_labels: [source], target_label: target })
const podLabel = (key: string): string => `__meta_kubernetes_pod_label_${sanitized(key)}`
const sanitized = (key: string): string => key.replaceAll(/[^a-zA-Z0-9_]/g, '_')
