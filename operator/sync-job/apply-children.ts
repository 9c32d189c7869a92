// Brings the children of a job to what they should be, in the order in which they need each other.
import { ConfigError } from '#common/errors.ts'
import type { Caches } from '../caches.ts'
import { statusOf } from '../kube/api-error.ts'
import { applyObject } from '../kube/apply.ts'
import type { KubeClient } from '../kube/client.ts'
import type { ObjectCache } from '../kube/object-cache.ts'
import { isControlledBy, objectKey } from '../kube/object.ts'
import type { KubeObject, ResourceType } from '../kube/object.ts'
import {
  configMapType,
  deploymentType,
  jobType,
  networkPolicyType,
  podDisruptionBudgetType,
  serviceAccountType,
} from '../resources.ts'
import type { ConfigMap, Job, NetworkPolicy } from '../resources.ts'
import { candidate } from './check-job.ts'
import type { Children } from './children.ts'

const fieldManager = 'sluice-children'

/** @throws ConfigError NAME_TAKEN when an object of somebody else has the name of a child */
export async function applyChildren(
  client: KubeClient,
  caches: Caches,
  owner: KubeObject,
  children: Children,
): Promise<void> {
  const apply = <T extends KubeObject>(
    type: ResourceType<T>,
    cache: ObjectCache<T>,
    desired: T,
  ): Promise<void> => applyChild(client, owner, { type, cache, desired })
  await apply(configMapType, caches.configMaps, children.plan)
  await apply(serviceAccountType, caches.serviceAccounts, children.serviceAccount)
  await apply(podDisruptionBudgetType, caches.disruptionBudgets, children.disruptionBudget)
  if (children.networkPolicy !== null && caches.networkPolicies !== null)
    await apply(networkPolicyType, caches.networkPolicies, children.networkPolicy)
  await apply(deploymentType, caches.deployments, children.deployment)
}

/** Begins the check of children that are to take the place of those that work. @throws ConfigError NAME_TAKEN */
export async function beginCheck(
  client: KubeClient,
  caches: Caches,
  owner: KubeObject,
  { plan: wanted, check, policy }: { plan: ConfigMap; check: Job; policy: NetworkPolicy | null },
): Promise<void> {
  const plan = candidate(owner, wanted)
  await applyChild(client, owner, { type: configMapType, cache: caches.configMaps, desired: plan })
  if (policy !== null && caches.networkPolicies !== null)
    await applyChild(client, owner, {
      type: networkPolicyType,
      cache: caches.networkPolicies,
      desired: policy,
    })
  try {
    await client.create(jobType, check)
  } catch (error) {
    // Made a moment ago, and not in the cache yet.
    if (statusOf(error) !== 409) throw error
  }
}

async function applyChild<T extends KubeObject>(
  client: KubeClient,
  owner: KubeObject,
  { type, cache, desired }: { type: ResourceType<T>; cache: ObjectCache<T>; desired: T },
): Promise<void> {
  const { namespace, name } = desired.metadata
  // What is not ours has no label of ours, so it is not in the cache: before a child is made, one look.
  const live = cache.get(objectKey(desired)) ?? (await client.get(type, { namespace, name })) ?? undefined
  if (live !== undefined && !isControlledBy(live, owner)) throw nameTaken(desired, owner)
  await applyObject(client, type, desired, { live, fieldManager })
}

function nameTaken(desired: KubeObject, owner: KubeObject): ConfigError {
  const { kind, metadata } = desired
  return new ConfigError(
    `${kind} ${metadata.name} exists and does not belong to ${owner.kind} ${owner.metadata.name}`,
    { code: 'NAME_TAKEN', context: { kind, name: metadata.name } },
  )
}
