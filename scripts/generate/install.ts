// manifests/install.yaml: what the Helm chart makes with its default values, for those who install with kubectl or
// kustomize. An integration test holds the two against each other.
import type { ResourceKind } from '#api/resource.ts'
import { masterPort } from '#api/heartbeat.ts'
import { workerHttpPort } from '#api/worker-status.ts'
import { customResourceDefinition } from './crd.ts'
import {
  editRules,
  leaderRules,
  leaseName,
  operatorRules,
  tokenRules,
  viewRules,
  type PolicyRule,
} from './rbac.ts'
import { yamlDocuments } from './yaml.ts'

const namespace = 'sluice-system'
const operator = 'sluice-operator'
const master = `${operator}-master`
const selector = {
  'app.kubernetes.io/name': 'sluice',
  'app.kubernetes.io/instance': 'sluice',
  'app.kubernetes.io/component': 'operator',
}

const rbac = 'rbac.authorization.k8s.io'
const subjects = [{ kind: 'ServiceAccount', name: operator, namespace }]

type Labels = Record<string, string>
interface Metadata {
  name: string
  namespace?: string
  labels: Labels
}

export function installManifest(kinds: readonly ResourceKind[], version: string): string {
  const labels = { ...selector, 'app.kubernetes.io/version': version }
  const metadata = { name: operator, namespace, labels }
  return yamlDocuments([
    {
      apiVersion: 'v1',
      kind: 'Namespace',
      metadata: { name: namespace, labels: { 'app.kubernetes.io/name': 'sluice' } },
    },
    ...kinds.map(customResourceDefinition),
    { apiVersion: 'v1', kind: 'ServiceAccount', metadata, automountServiceAccountToken: false },
    ...grant('Cluster', { name: operator, labels }, operatorRules(kinds)),
    ...grant('', { name: `${operator}-leader`, namespace, labels }, leaderRules),
    ...grant('Cluster', { name: `${operator}-tokens`, labels }, tokenRules),
    forPeople('edit', ['admin', 'edit'], { labels, rules: editRules(kinds) }),
    forPeople('view', ['view'], { labels, rules: viewRules(kinds) }),
    deployment(labels, version),
    {
      apiVersion: 'policy/v1',
      kind: 'PodDisruptionBudget',
      metadata,
      spec: { maxUnavailable: 1, selector: { matchLabels: selector } },
    },
    {
      apiVersion: 'v1',
      kind: 'Service',
      metadata,
      spec: { selector, ports: [{ name: 'http', port: workerHttpPort, targetPort: 'http' }] },
    },
    {
      apiVersion: 'v1',
      kind: 'Service',
      metadata: { name: master, namespace, labels },
      spec: {
        clusterIP: 'None',
        selector,
        ports: [{ name: 'master', port: masterPort, targetPort: 'master' }],
      },
    },
  ])
}

/** A role and its binding to the operator. */
function grant(scope: 'Cluster' | '', metadata: Metadata, rules: readonly PolicyRule[]): object[] {
  const apiVersion = `${rbac}/v1`
  const kind = `${scope}Role`
  const roleRef = { apiGroup: rbac, kind, name: metadata.name }
  return [
    { apiVersion, kind, metadata, rules },
    { apiVersion, kind: `${kind}Binding`, metadata, roleRef, subjects },
  ]
}

/** Rights that become part of the cluster's own roles for people. */
function forPeople(
  name: string,
  roles: readonly string[],
  { labels, rules }: { labels: Labels; rules: readonly PolicyRule[] },
): object {
  const aggregation = Object.fromEntries(roles.map(role => [`${rbac}/aggregate-to-${role}`, 'true']))
  return {
    apiVersion: `${rbac}/v1`,
    kind: 'ClusterRole',
    metadata: { name: `sluice-${name}`, labels: { ...labels, ...aggregation } },
    rules,
  }
}

function deployment(labels: Labels, version: string): object {
  return {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name: operator, namespace, labels },
    spec: {
      replicas: 2,
      selector: { matchLabels: selector },
      template: {
        metadata: { labels },
        spec: {
          serviceAccountName: operator,
          automountServiceAccountToken: true,
          terminationGracePeriodSeconds: 30,
          topologySpreadConstraints: [
            {
              maxSkew: 1,
              topologyKey: 'kubernetes.io/hostname',
              whenUnsatisfiable: 'ScheduleAnyway',
              labelSelector: { matchLabels: selector },
            },
          ],
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
    args: [
      'operator',
      `--worker-image=${image}`,
      '--image-pull-policy=IfNotPresent',
      `--lease-name=${leaseName}`,
      '--teardown-deadline=5m',
      '--max-checks=10',
      // By the pod's own word, so that it holds wherever a kustomization puts it.
      `--master-url=http://${master}.$(POD_NAMESPACE).svc:${masterPort}`,
      '--log-level=info',
    ],
    env: [fromField('POD_NAME', 'metadata.name'), fromField('POD_NAMESPACE', 'metadata.namespace')],
    ports: [
      { name: 'http', containerPort: workerHttpPort },
      { name: 'master', containerPort: masterPort },
    ],
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
