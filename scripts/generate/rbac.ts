// What the operator may do, and what people may do with our resources. The Helm chart and the plain install
// manifest take the rules from here. Nothing is granted that a controller does not use.
import { apiGroup, type ResourceKind } from '#api/resource.ts'

export interface PolicyRule {
  apiGroups: readonly string[]
  resources: readonly string[]
  verbs: readonly string[]
  resourceNames?: readonly string[]
}

export const leaseName = 'sluice-operator'

const read = ['get', 'list', 'watch']
const observe = ['list', 'watch']
/** Server-side apply is a patch, and a create where there is nothing yet. */
const apply = [...read, 'create', 'patch']

/**
 * In the namespaces it looks after: our resources, and what it makes for them. Secrets are mounted into workers by
 * the kubelet, never read by the operator.
 */
export function operatorRules(kinds: readonly ResourceKind[]): PolicyRule[] {
  const plurals = kinds.map(({ plural }) => plural)
  return [
    { apiGroups: [apiGroup], resources: plurals, verbs: observe },
    // Its finalizer is a patch; to own what it makes for a job, it must be allowed to set one.
    { apiGroups: [apiGroup], resources: ['syncjobs'], verbs: ['patch'] },
    { apiGroups: [apiGroup], resources: ['syncjobs/finalizers'], verbs: ['update'] },
    { apiGroups: [apiGroup], resources: plurals.map(name => `${name}/status`), verbs: ['patch'] },
    { apiGroups: ['apps'], resources: ['deployments'], verbs: [...apply, 'delete'] },
    { apiGroups: [''], resources: ['configmaps'], verbs: [...apply, 'delete'] },
    { apiGroups: [''], resources: ['serviceaccounts'], verbs: apply },
    { apiGroups: ['policy'], resources: ['poddisruptionbudgets'], verbs: apply },
    { apiGroups: ['batch'], resources: ['jobs'], verbs: [...observe, 'create'] },
    { apiGroups: [''], resources: ['pods'], verbs: observe },
    { apiGroups: ['events.k8s.io'], resources: ['events'], verbs: ['create', 'patch'] },
  ]
}

/** In its own namespace: leader election. A create cannot be bound to a name. */
export const leaderRules: readonly PolicyRule[] = [
  { apiGroups: ['coordination.k8s.io'], resources: ['leases'], verbs: ['create'] },
  {
    apiGroups: ['coordination.k8s.io'],
    resources: ['leases'],
    resourceNames: [leaseName],
    verbs: ['get', 'update'],
  },
]

/** Whose token a worker's is. Reviews belong to no namespace, so the right does not either; it shows nothing else. */
export const tokenRules: readonly PolicyRule[] = [
  { apiGroups: ['authentication.k8s.io'], resources: ['tokenreviews'], verbs: ['create'] },
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
