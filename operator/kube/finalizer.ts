// A finalizer keeps a deleted object until its controller has cleaned up after it. Set and released by
// server-side apply with a field manager of its own, so that finalizers of others are left alone; the uid makes
// both safe: an apply never brings an object back that has gone meanwhile.
import type { KubeClient } from './client.ts'
import { statusOf } from './api-error.ts'
import { resourcePath } from './object.ts'
import type { KubeObject, ResourceType } from './object.ts'

const fieldManager = 'sluice-finalizer'

export async function holdFinalizer(
  client: KubeClient,
  type: ResourceType,
  object: KubeObject,
  finalizer: string,
): Promise<void> {
  if (object.metadata.finalizers?.includes(finalizer)) return
  await applyFinalizers(client, type, object, [finalizer])
}

/** Lets the object go. That it has gone already is fine. */
export async function releaseFinalizer(
  client: KubeClient,
  type: ResourceType,
  object: KubeObject,
): Promise<void> {
  try {
    await applyFinalizers(client, type, object, [])
  } catch (error) {
    // 404: gone. 409: gone, and the uid we named belongs to nobody or to a namesake.
    if (statusOf(error) !== 404 && statusOf(error) !== 409) throw error
  }
}

async function applyFinalizers(
  client: KubeClient,
  type: ResourceType,
  object: KubeObject,
  finalizers: string[],
): Promise<void> {
  const { namespace, name, uid } = object.metadata
  await client.request({
    method: 'PATCH',
    path: resourcePath(type, { namespace, name }),
    query: { fieldManager, force: true },
    contentType: 'application/apply-patch+yaml',
    body: { apiVersion: type.apiVersion, kind: type.kind, metadata: { name, namespace, uid, finalizers } },
  })
}
