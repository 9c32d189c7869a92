// What the operator may do, and what people may do with our resources. The Helm chart and the plain install
// manifest take the rules from here. Nothing is granted that a controller does not use.
import { apiGroup, type ResourceKind } from '#api/resource.ts'

export interface PolicyRule {
  apiGroups: readonly string[]
  resources: readonly string[]
  verbs: readonly string[]
}

const read = ['get', 'list', 'watch']
/** Server-side apply is a patch, and a create where there is nothing yet. */
const own = [...read, 'create', 'patch', 'delete']

/** In every namespace: our resources, and what is made for them. Secrets are mounted by the kubelet, never read. */
export function clusterRules(kinds: readonly ResourceKind[]): PolicyRule[] {
  const plurals = kinds.map(({ plural }) => plural)
  return [
    { apiGroups: [apiGroup], resources: plurals, verbs: [...read, 'patch'] },
    { apiGroups: [apiGroup], resources: plurals.map(name => `${name}/status`), verbs: ['get', 'patch'] },
    { apiGroups: [apiGroup], resources: plurals.map(name => `${name}/finalizers`), verbs: ['update'] },
    { apiGroups: ['apps'], resources: ['deployments'], verbs: own },
    { apiGroups: ['batch'], resources: ['jobs'], verbs: own },
    { apiGroups: [''], resources: ['configmaps', 'serviceaccounts'], verbs: own },
    { apiGroups: ['policy'], resources: ['poddisruptionbudgets'], verbs: own },
    { apiGroups: [''], resources: ['pods'], verbs: read },
    { apiGroups: ['events.k8s.io'], resources: ['events'], verbs: ['create', 'patch'] },
  ]
}

/** In the operator's own namespace: leader election. */
export const namespaceRules: readonly PolicyRule[] = [
  { apiGroups: ['coordination.k8s.io'], resources: ['leases'], verbs: ['get', 'create', 'update', 'patch'] },
]

export function editRules(kinds: readonly ResourceKind[]): PolicyRule[] {
  const verbs = [...read, 'create', 'update', 'patch', 'delete', 'deletecollection']
  return [
    { apiGroups: [apiGroup], resources: kinds.map(({ plural }) => plural), verbs },
    { apiGroups: [apiGroup], resources: scalable(kinds), verbs: ['get', 'update', 'patch'] },
  ]
}

export function viewRules(kinds: readonly ResourceKind[]): PolicyRule[] {
  return [{ apiGroups: [apiGroup], resources: kinds.map(({ plural }) => plural), verbs: read }]
}

function scalable(kinds: readonly ResourceKind[]): string[] {
  return kinds.flatMap(({ plural, scale }) => (scale === undefined ? [] : [`${plural}/scale`]))
}
