// The kinds of resources the operator watches and writes, with the parts of them it reads or states. What the
// builders state is typed by the API's own types, so a misspelt field does not compile.
import type {
  V1DeploymentSpec,
  V1JobSpec,
  V1LabelSelector,
  V1PodDisruptionBudgetSpec,
  V1PodSpec,
} from '@kubernetes/client-node'
import { apiVersion } from '#api/resource.ts'
import type { SyncJobStatus } from '#api/sync-job.ts'
import type { Condition, ResourceKind } from '#api/resource.ts'
import { dataSource, syncJob, virtualTable } from '#connectors/resource-kinds.ts'
import type { KubeObject, ResourceType } from './kube/object.ts'

/** One of our own resources as the API server has it: not yet held against its schema. */
export interface CustomObject<Status = { conditions?: Condition[] | undefined }> extends KubeObject {
  spec: unknown
  status?: Status
}

export type SyncJobObject = CustomObject<SyncJobStatus>

/** A condition of a built-in kind. */
export interface ObjectCondition {
  type: string
  status: string
  reason?: string
  message?: string
}

/** Peers and rules of a NetworkPolicy, as far as we state them. */
export interface NetworkPeer {
  ipBlock?: { cidr: string }
  namespaceSelector?: V1LabelSelector
  podSelector?: V1LabelSelector
}

export interface NetworkRule {
  ports?: readonly { protocol: 'TCP' | 'UDP'; port: number }[]
  to?: readonly NetworkPeer[]
}

export interface NetworkPolicy extends KubeObject {
  spec: {
    podSelector: V1LabelSelector
    policyTypes: readonly string[]
    ingress: readonly (Pick<NetworkRule, 'ports'> & { from: readonly NetworkPeer[] })[]
    egress: readonly NetworkRule[]
  }
}

export interface ConfigMap extends KubeObject {
  immutable?: boolean
  data?: Record<string, string>
}

export interface ServiceAccount extends KubeObject {
  automountServiceAccountToken?: boolean
}

export interface Deployment extends KubeObject {
  spec: V1DeploymentSpec
  status?: {
    observedGeneration?: number
    replicas?: number
    updatedReplicas?: number
    readyReplicas?: number
    conditions?: ObjectCondition[]
  }
}

export interface PodDisruptionBudget extends KubeObject {
  spec: V1PodDisruptionBudgetSpec
}

export interface Job extends KubeObject {
  spec: V1JobSpec
  /** `failed`: how many of its pods did. */
  status?: { failed?: number; conditions?: ObjectCondition[] }
}

export interface ContainerState {
  running?: { startedAt?: string }
  waiting?: { reason?: string; message?: string }
  terminated?: ContainerExit
}

export interface ContainerExit {
  exitCode: number
  reason?: string
  message?: string
  finishedAt?: string
}

export interface ContainerStatus {
  restartCount: number
  state?: ContainerState
  lastState?: ContainerState
}

export interface Pod extends KubeObject {
  spec: V1PodSpec
  status?: {
    phase?: string
    podIP?: string
    conditions?: ObjectCondition[]
    containerStatuses?: ContainerStatus[]
  }
}

const custom = <T extends KubeObject>({ kind, plural }: ResourceKind<never, never>): ResourceType<T> => ({
  apiVersion,
  kind,
  plural,
  namespaced: true,
})

export const syncJobType = custom<SyncJobObject>(syncJob as ResourceKind<never, never>)
export const dataSourceType = custom<CustomObject>(dataSource as ResourceKind<never, never>)
export const virtualTableType = custom<CustomObject>(virtualTable as ResourceKind<never, never>)

const builtIn = <T extends KubeObject>(version: string, kind: string, plural: string): ResourceType<T> => ({
  apiVersion: version,
  kind,
  plural,
  namespaced: true,
})

export const configMapType = builtIn<ConfigMap>('v1', 'ConfigMap', 'configmaps')
export const serviceAccountType = builtIn<ServiceAccount>('v1', 'ServiceAccount', 'serviceaccounts')
export const podType = builtIn<Pod>('v1', 'Pod', 'pods')
export const deploymentType = builtIn<Deployment>('apps/v1', 'Deployment', 'deployments')
export const jobType = builtIn<Job>('batch/v1', 'Job', 'jobs')
export const podDisruptionBudgetType = builtIn<PodDisruptionBudget>(
  'policy/v1',
  'PodDisruptionBudget',
  'poddisruptionbudgets',
)
export const networkPolicyType = builtIn<NetworkPolicy>(
  'networking.k8s.io/v1',
  'NetworkPolicy',
  'networkpolicies',
)
