// manifests/install.yaml: what the Helm chart makes with its default values, for those who install with kubectl or
// kustomize. An integration test holds the two against each other.
import type { ResourceKind } from '#api/resource.ts'
import { workerHttpPort } from '#api/worker-status.ts'
import { customResourceDefinition } from './crd.ts'
import { clusterRules, editRules, namespaceRules, viewRules, type PolicyRule } from './rbac.ts'
import { yamlDocuments } from './yaml.ts'

const namespace = 'sluice-system'
const operator = 'sluice-operator'
const selector = {
  'app.kubernetes.io/name': 'sluice',
  'app.kubernetes.io/instance': 'sluice',
  'app.kubernetes.io/component': 'operator',
}

export function installManifest(kinds: readonly ResourceKind[], version: string): string {
  const labels = { ...selector, 'app.kubernetes.io/version': version }
  return yamlDocuments([
    {
      apiVersion: 'v1',
      kind: 'Namespace',
      metadata: { name: namespace, labels: { 'app.kubernetes.io/name': 'sluice' } },
    },
    ...kinds.map(customResourceDefinition),
    ...accessObjects(kinds, labels),
    deployment(labels, version),
    {
      apiVersion: 'v1',
      kind: 'Service',
      metadata: { name: operator, namespace, labels },
      spec: { selector, ports: [{ name: 'http', port: workerHttpPort, targetPort: 'http' }] },
    },
  ])
}

function accessObjects(kinds: readonly ResourceKind[], labels: Record<string, string>): object[] {
  const rbac = 'rbac.authorization.k8s.io/v1'
  const subjects = [{ kind: 'ServiceAccount', name: operator, namespace }]
  const bindTo = (kind: string) => ({ apiGroup: 'rbac.authorization.k8s.io', kind, name: operator })
  const forPeople = (name: string, roles: string[], rules: PolicyRule[]) => ({
    apiVersion: rbac,
    kind: 'ClusterRole',
    metadata: {
      name: `sluice-${name}`,
      labels: {
        ...labels,
        ...Object.fromEntries(roles.map(role => [`rbac.authorization.k8s.io/aggregate-to-${role}`, 'true'])),
      },
    },
    rules,
  })
  return [
    {
      apiVersion: 'v1',
      kind: 'ServiceAccount',
      metadata: { name: operator, namespace, labels },
      automountServiceAccountToken: false,
    },
    {
      apiVersion: rbac,
      kind: 'ClusterRole',
      metadata: { name: operator, labels },
      rules: clusterRules(kinds),
    },
    {
      apiVersion: rbac,
      kind: 'ClusterRoleBinding',
      metadata: { name: operator, labels },
      roleRef: bindTo('ClusterRole'),
      subjects,
    },
    {
      apiVersion: rbac,
      kind: 'Role',
      metadata: { name: operator, namespace, labels },
      rules: namespaceRules,
    },
    {
      apiVersion: rbac,
      kind: 'RoleBinding',
      metadata: { name: operator, namespace, labels },
      roleRef: bindTo('Role'),
      subjects,
    },
    forPeople('edit', ['admin', 'edit'], editRules(kinds)),
    forPeople('view', ['view'], viewRules(kinds)),
  ]
}

function deployment(labels: Record<string, string>, version: string): object {
  return {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name: operator, namespace, labels },
    spec: {
      replicas: 1,
      selector: { matchLabels: selector },
      template: {
        metadata: { labels },
        spec: {
          serviceAccountName: operator,
          automountServiceAccountToken: true,
          terminationGracePeriodSeconds: 30,
          securityContext: {
            runAsNonRoot: true,
            runAsUser: 65532,
            runAsGroup: 65532,
            seccompProfile: { type: 'RuntimeDefault' },
          },
          containers: [operatorContainer(`sluice:${version}`)],
        },
      },
    },
  }
}

function operatorContainer(image: string): object {
  const fromField = (name: string, fieldPath: string) => ({ name, valueFrom: { fieldRef: { fieldPath } } })
  return {
    name: 'operator',
    image,
    imagePullPolicy: 'IfNotPresent',
    args: ['operator', `--worker-image=${image}`, '--log-level=info'],
    env: [fromField('POD_NAME', 'metadata.name'), fromField('POD_NAMESPACE', 'metadata.namespace')],
    ports: [{ name: 'http', containerPort: workerHttpPort }],
    livenessProbe: { httpGet: { path: '/healthz', port: 'http' }, periodSeconds: 10, failureThreshold: 6 },
    readinessProbe: { httpGet: { path: '/readyz', port: 'http' }, periodSeconds: 5 },
    resources: { requests: { cpu: '100m', memory: '128Mi' }, limits: { memory: '512Mi' } },
    securityContext: {
      allowPrivilegeEscalation: false,
      readOnlyRootFilesystem: true,
      capabilities: { drop: ['ALL'] },
    },
  }
}
