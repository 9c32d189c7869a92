// The pod that runs our image for a job: restricted by the pod security standards, with the plan and the keys of
// Secrets that the plan refers to as files. The operator never reads a Secret: the kubelet mounts them, and keeps
// the files up to date when they change. They are optional, so that a missing one is told by the worker, with
// Secret and key, rather than by a pod that does not start.
import type { V1Container, V1PodSpec, V1Volume, V1VolumeMount } from '@kubernetes/client-node'
import type { Plan, PlanEndpoint } from '#api/plan.ts'
import { secretKeyRef } from '#api/secret.ts'
import type { SecretKeyRef } from '#api/secret.ts'
import type { WorkerPlacement } from '#api/worker-placement.ts'
import type { PolicyAround } from './network-policy.ts'
import { placementOf } from './placement.ts'
import type { PriorityClasses } from './priority-classes.ts'
import { masterAudience } from '../heartbeat/token-review.ts'

export const planDirectory = '/etc/sluice/plan'
export const planFile = 'plan.json'
/** Tells a worker that others read parts of its job. */
export const sharedArg = '--shared'
const secretsDirectory = '/etc/sluice/secrets'
const masterDirectory = '/var/run/secrets/sluice.dev/master'
/** The user of the image; any other would do: it owns nothing. */
const userId = 65_532

export interface WorkerImage {
  image: string
  imagePullPolicy: string
  /** Names of Secrets with the registry's credentials, in the namespace of each job. */
  imagePullSecrets: readonly string[]
  /** Where workers find the master, `http://sluice-operator-master.sluice-system.svc:9465`; null: nowhere. */
  masterUrl?: string | null
  /** For a network policy of each job; left out: none is made. */
  networkPolicy?: PolicyAround | null
  priorityClasses?: PriorityClasses
  /** Of the pods of all jobs. */
  placement?: WorkerPlacement | null
}

export interface PodParts extends WorkerImage {
  /** Subcommand of the image: `worker`, `check`, `teardown`. */
  command: string
  /** Where the plan comes from; its volume is called `plan`. */
  planVolume: V1Volume
  /** The plans in it; left out: the one. */
  planFiles?: readonly string[] | undefined
  secrets: readonly SecretKeyRef[]
  priority: Plan['priority']
  /** What the job says of its own pods; left out: nothing. */
  placementOfJob?: WorkerPlacement
  extraArgs?: readonly string[]
  /** A token for the master is mounted, and the pod told of both. */
  speaksToMaster?: boolean
}

/** The API's types are classes; what we build are plain objects of their shape. */
type Plain<T> = Pick<T, keyof T>

/** One container and what it needs; the caller adds what its kind of pod has besides. */
export function sluicePodSpec(parts: PodParts): Plain<V1PodSpec> & { containers: [Plain<V1Container>] } {
  const secrets = secretVolumes(parts.secrets)
  const master = parts.speaksToMaster === true ? masterAccess(parts.masterUrl ?? null) : null
  const priorityClassName = parts.priorityClasses?.[parts.priority]
  return {
    automountServiceAccountToken: false,
    enableServiceLinks: false,
    ...(priorityClassName !== undefined && { priorityClassName }),
    ...placementOf(parts.placementOfJob ?? {}, parts.placement),
    ...(parts.imagePullSecrets.length > 0 && {
      imagePullSecrets: parts.imagePullSecrets.map(name => ({ name })),
    }),
    securityContext: {
      runAsNonRoot: true,
      runAsUser: userId,
      runAsGroup: userId,
      fsGroup: userId,
      seccompProfile: { type: 'RuntimeDefault' },
    },
    containers: [
      {
        name: parts.command,
        image: parts.image,
        imagePullPolicy: parts.imagePullPolicy,
        args: [
          parts.command,
          ...(parts.planFiles ?? [planFile]).flatMap(file => ['--plan', `${planDirectory}/${file}`]),
          '--secrets',
          secretsDirectory,
          ...(parts.extraArgs ?? []),
          ...(master?.args ?? []),
        ],
        env: [
          { name: 'POD_NAME', valueFrom: { fieldRef: { fieldPath: 'metadata.name' } } },
          { name: 'POD_NAMESPACE', valueFrom: { fieldRef: { fieldPath: 'metadata.namespace' } } },
        ],
        securityContext: {
          allowPrivilegeEscalation: false,
          readOnlyRootFilesystem: true,
          capabilities: { drop: ['ALL'] },
        },
        terminationMessagePolicy: 'FallbackToLogsOnError',
        volumeMounts: [
          { name: 'plan', mountPath: planDirectory, readOnly: true },
          { name: 'tmp', mountPath: '/tmp' },
          ...secrets.map(({ mount }) => mount),
          ...(master === null ? [] : [master.mount]),
        ],
      },
    ],
    volumes: [
      parts.planVolume,
      { name: 'tmp', emptyDir: {} },
      ...secrets.map(({ volume }) => volume),
      ...(master === null ? [] : [master.volume]),
    ],
  }
}

/** A token of the pod for us alone: the kubelet renews it, and the API server knows it only while the pod is there. */
function masterAccess(url: string | null): { args: string[]; mount: V1VolumeMount; volume: V1Volume } | null {
  if (url === null) return null
  const token = { audience: masterAudience, expirationSeconds: 3_600, path: 'token' }
  return {
    args: ['--master', url, '--master-token', `${masterDirectory}/${token.path}`],
    mount: { name: 'master-token', mountPath: masterDirectory, readOnly: true },
    volume: {
      name: 'master-token',
      projected: { defaultMode: 0o440, sources: [{ serviceAccountToken: token }] },
    },
  }
}

/** Keys of Secrets that the endpoints of a plan refer to, wherever in their specs, each once and in order. */
export function referencedSecrets(endpoints: readonly PlanEndpoint[]): SecretKeyRef[] {
  const found = new Map<string, SecretKeyRef>()
  const visit = (value: unknown): void => {
    if (typeof value !== 'object' || value === null) return
    for (const [field, part] of Object.entries(value)) {
      const reference = field === 'secretKeyRef' ? secretKeyRef.safeParse(part) : undefined
      if (reference?.success) found.set(`${reference.data.name}/${reference.data.key}`, reference.data)
      else visit(part)
    }
  }
  for (const { spec } of endpoints) visit(spec)
  return [...found].toSorted(([a], [b]) => (a < b ? -1 : 1)).map(([, reference]) => reference)
}

function secretVolumes(references: readonly SecretKeyRef[]): { volume: V1Volume; mount: V1VolumeMount }[] {
  const keysByName = Map.groupBy(references, ({ name }) => name)
  return [...keysByName].map(([secretName, keys], index) => ({
    volume: {
      name: `secret-${index}`,
      secret: {
        secretName,
        optional: true,
        defaultMode: 0o440,
        items: keys.map(({ key }) => ({ key, path: key })),
      },
    },
    mount: { name: `secret-${index}`, mountPath: `${secretsDirectory}/${secretName}`, readOnly: true },
  }))
}
