// What the Prometheus operator would make of the PodMonitors in a cluster: entries of `scrape_configs` with the pods that
// are there now, and their series under the same labels (as far as the chart uses PodMonitors).
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

export interface MonitoredPod {
  metadata: { name: string; namespace: string; labels?: Record<string, string> }
  spec: { containers: { name: string; ports?: { name?: string; containerPort: number }[] }[] }
  status: { podIP?: string }
}

export function scrapeConfigs(monitors: readonly PodMonitor[], pods: readonly MonitoredPod[]): object[] {
  return monitors.flatMap(monitor => {
    const selected = pods.filter(pod => selects(monitor, pod))
    return monitor.spec.podMetricsEndpoints.map(({ port, honorLabels = false }, index) => ({
      job_name: `podMonitor/${monitor.metadata.namespace}/${monitor.metadata.name}/${index}`,
      honor_labels: honorLabels,
      static_configs: selected.flatMap(pod => targets(monitor, pod, port)),
    }))
  })
}

function selects({ metadata, spec }: PodMonitor, pod: MonitoredPod): boolean {
  const { any = false, matchNames = [metadata.namespace] } = spec.namespaceSelector ?? {}
  if (!any && !matchNames.includes(pod.metadata.namespace)) return false
  const { labels = {} } = pod.metadata
  const { matchLabels = {}, matchExpressions = [] } = spec.selector
  return (
    Object.entries(matchLabels).every(([key, value]) => labels[key] === value) &&
    matchExpressions.every(({ key, operator, values = [] }) => {
      if (operator !== 'In') throw new Error(`the operator ${operator} of a selector is not known here`)
      return values.includes(labels[key] ?? '')
    })
  )
}

function targets({ metadata: monitor, spec }: PodMonitor, pod: MonitoredPod, port: string): object[] {
  const { name, namespace, labels = {} } = pod.metadata
  const kept = (spec.podTargetLabels ?? []).map(key => [
    key.replaceAll(/[^a-zA-Z0-9_]/g, '_'),
    labels[key] ?? '',
  ])
  return pod.spec.containers.flatMap(container =>
    (container.ports ?? [])
      .filter(each => each.name === port)
      .map(({ containerPort }) => ({
        targets: [`${pod.status.podIP}:${containerPort}`],
        labels: {
          job: `${monitor.namespace}/${monitor.name}`,
          namespace,
          pod: name,
          container: container.name,
          ...Object.fromEntries(kept),
        },
      })),
  )
}
