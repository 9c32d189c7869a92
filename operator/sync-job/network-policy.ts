// Whom the pods of a job may call and who may call them: DNS, the master, the two ends of its plan, and nobody else. Made
// only where the operator is told to. Policies know addresses, not names, and behind a Service they count the pods' own
// ports: so a name within the cluster stands for all pods of its namespace, and any other name for its port anywhere.
import { isIP } from 'node:net'
import { z } from 'zod'
import { masterPort } from '#api/heartbeat.ts'
import type { Plan, PlanEndpoint } from '#api/plan.ts'
import type { SyncJob } from '#api/sync-job.ts'
import { workerHttpPort } from '#api/worker-status.ts'
import type { Endpoint } from '#connectors/endpoint.ts'
import { connectors } from '#connectors/registry.ts'
import { networkPolicyType } from '../resources.ts'
import type { NetworkPeer, NetworkPolicy, NetworkRule } from '../resources.ts'
import { jsonArgument } from '../json-argument.ts'
import { childMeta } from './child-meta.ts'
import { checkPolicyName, jobLabel, shortName, workerName } from './names.ts'
import type { Component } from './names.ts'

/** What the operator is told, as the chart gives it (`--job-network-policy`). */
export interface PolicyAround {
  /** Who reads the status and the metrics of workers. */
  readers: readonly NetworkPeer[]
  /** The operators, for heartbeats; empty: there is no master. */
  masters: readonly NetworkPeer[]
  /** More rules for every job. */
  egress: readonly NetworkRule[]
}

const policyAround = z.strictObject({
  readers: z.array(z.looseObject({})).min(1),
  masters: z.array(z.looseObject({})).default([]),
  egress: z.array(z.looseObject({})).default([]),
})

/** Of `--job-network-policy`. @throws ConfigError SPEC_INVALID */
export function readPolicyAround(text: string | undefined): PolicyAround | null {
  return jsonArgument(policyAround, text, '--job-network-policy') as PolicyAround | null
}

/** Of the workers, and of the pods that look for them at the source, or clean up after them. */
export function buildNetworkPolicy(job: SyncJob, plan: Plan, around: PolicyAround): NetworkPolicy {
  return policyOf(job, plan, around, {
    name: workerName(job.metadata.name),
    components: ['worker', 'teardown', 'probe'],
  })
}

/** Of the check of a plan that may name other ends than the workers have. */
export function buildCheckPolicy(job: SyncJob, plan: Plan, around: PolicyAround): NetworkPolicy {
  return policyOf(job, plan, around, { name: checkPolicyName(job.metadata.name), components: ['check'] })
}

function policyOf(
  job: SyncJob,
  plan: Plan,
  { readers, masters, egress }: PolicyAround,
  of: { name: string; components: readonly Component[] },
): NetworkPolicy {
  const namespace = job.metadata.namespace ?? ''
  const heartbeats: NetworkRule[] =
    masters.length === 0 ? [] : [{ ports: [{ protocol: 'TCP', port: masterPort }], to: masters }]
  return {
    apiVersion: networkPolicyType.apiVersion,
    kind: networkPolicyType.kind,
    metadata: childMeta(job, of.name, of.components[0]!),
    spec: {
      podSelector: {
        matchLabels: { 'app.kubernetes.io/name': 'sluice', [jobLabel]: shortName(job.metadata.name) },
        matchExpressions: [
          { key: 'app.kubernetes.io/component', operator: 'In', values: [...of.components] },
        ],
      },
      policyTypes: ['Ingress', 'Egress'],
      ingress: [{ ports: [{ protocol: 'TCP', port: workerHttpPort }], from: readers }],
      egress: [dns, ...heartbeats, ...endRules([plan.source, plan.target], namespace), ...egress],
    },
  }
}

const dns: NetworkRule = {
  ports: [
    { protocol: 'UDP', port: 53 },
    { protocol: 'TCP', port: 53 },
  ],
}

/** Each rule once. */
function endRules(ends: readonly PlanEndpoint[], namespace: string): NetworkRule[] {
  const endpoints = ends.flatMap(({ type, spec }) => connectors[type]?.endpoints?.(spec as never) ?? [])
  const rules = endpoints.flatMap(endpoint => rulesFor(endpoint, namespace))
  return [...new Map(rules.map(rule => [JSON.stringify(rule), rule])).values()]
}

function rulesFor({ host, port }: Endpoint, namespace: string): NetworkRule[] {
  const ports = [{ protocol: 'TCP' as const, port }]
  if (host === null) return [{ ports }]
  const version = isIP(host)
  if (version !== 0) return [{ ports, to: [{ ipBlock: { cidr: `${host}/${version === 4 ? 32 : 128}` } }] }]
  const labels = host.replace(/\.$/, '').split('.')
  const inside: NetworkRule = { to: [podsOf(labels[1] ?? namespace)] }
  if (labels.length === 1 || labels[2] === 'svc') return [inside]
  // `minio.lake` may be a Service of the namespace lake, and a name of the world.
  return labels.length === 2 ? [inside, { ports }] : [{ ports }]
}

function podsOf(namespace: string): NetworkPeer {
  return { namespaceSelector: { matchLabels: { 'kubernetes.io/metadata.name': namespace } } }
}
