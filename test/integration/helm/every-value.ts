// Values with which the chart makes all that it can make.

export const digest = `sha256:${'0123456789abcdef'.repeat(4)}`
/** Something for every value that is empty or off by default. */
export const everything = {
  image: { digest },
  imagePullSecrets: [{ name: 'registry' }],
  env: [
    { name: 'HTTPS_PROXY', value: 'http://proxy:3128' },
    { name: 'NODE_IP', valueFrom: { fieldRef: { fieldPath: 'status.hostIP' } } },
  ],
  commonLabels: { team: 'data' },
  commonAnnotations: { owner: 'lake' },
  deploymentAnnotations: { changed: 'today' },
  podLabels: { tier: 'control' },
  podAnnotations: { sidecar: 'no' },
  serviceAccount: { annotations: { role: 'sluice' } },
  nodeSelector: { 'kubernetes.io/os': 'linux' },
  tolerations: [{ key: 'control', operator: 'Exists', effect: 'NoSchedule' }],
  affinity: { podAntiAffinity: { preferredDuringSchedulingIgnoredDuringExecution: [] } },
  topologySpreadConstraints: [
    { maxSkew: 1, topologyKey: 'topology.kubernetes.io/zone', whenUnsatisfiable: 'DoNotSchedule' },
  ],
  podDisruptionBudget: { enabled: true, maxUnavailable: '50%' },
  workers: {
    priorityClassNames: { core: 'lake-core', low: 'batch' },
    nodeSelector: { pool: 'data' },
    tolerations: [{ key: 'data', operator: 'Exists' }],
    serviceAccount: { annotations: { role: 'lake' } },
  },
  networkPolicy: {
    enabled: true,
    apiServer: { ports: [6443], cidrs: ['10.0.0.1/32'] },
    operator: { extraEgress: [{ ports: [{ port: 3128 }] }] },
    workers: {
      namespaces: ['orders', 'clicks'],
      restrictEgress: true,
      egress: [{ ports: [{ port: 5432 }], to: [{ ipBlock: { cidr: '10.1.0.0/16' } }] }],
    },
    jobs: { enabled: true, egress: [{ ports: [{ port: 3128 }] }] },
  },
  monitoring: {
    enabled: true,
    labels: { release: 'prometheus' },
    podMonitor: { relabelings: [{ targetLabel: 'cluster', replacement: 'west' }] },
    rules: {
      labels: { team: 'data' },
      disabled: ['SluiceWorkerBusy'],
      lagSeconds: 60,
      runbookUrl: 'https://wiki.example/sluice/',
      extraGroups: [{ name: 'ours', rules: [{ alert: 'Ours', expr: 'vector(1)' }] }],
    },
    dashboards: { annotations: { grafana_folder: 'Sluice' } },
  },
}
