// States fields of a SyncJob by server-side apply, each verb under a field manager of its own: what one states, the other
// does not take back. Afterwards a field belongs to whoever it belonged to; GitOps, helm or kubectl apply meet no conflict.
import type { SyncJobSpec } from '#api/sync-job.ts'
import { resourcePath } from '#operator/kube/object.ts'
import { syncJobType } from '#operator/resources.ts'
import type { SyncJobObject } from '#operator/resources.ts'
import type { Session } from './session.ts'

/** Null states nothing, which gives back what this manager stated before. */
export async function applySpec(
  session: Session,
  job: SyncJobObject,
  { fieldManager, spec }: { fieldManager: string; spec: Partial<SyncJobSpec> | null },
): Promise<SyncJobObject> {
  const { apiVersion, kind } = syncJobType
  const { namespace, name, uid } = job.metadata
  return session.client.request<SyncJobObject>({
    method: 'PATCH',
    path: resourcePath(syncJobType, { namespace, name }),
    // A person says so now; what others stated before is no reason to refuse.
    query: { fieldManager, force: true },
    contentType: 'application/apply-patch+yaml',
    // The uid keeps the apply from making a job that was deleted meanwhile.
    // An empty spec would be a field we own, too.
    body: { apiVersion, kind, metadata: { namespace, name, uid }, ...(spec === null ? {} : { spec }) },
    signal: session.signal,
  })
}

/** Whoever applies the field again and again will set it back. */
export function warnOfOwner(
  session: Session,
  job: SyncJobObject,
  stated: { field: 'suspend' | 'resync'; fieldManager: string; as: string },
): void {
  const entries = job.metadata.managedFields as
    | { manager?: string; operation?: string; fieldsV1?: { 'f:spec'?: Record<string, unknown> } }[]
    | undefined
  const owner = entries?.find(
    ({ manager, operation, fieldsV1 }) =>
      operation === 'Apply' &&
      manager !== stated.fieldManager &&
      fieldsV1?.['f:spec']?.[`f:${stated.field}`] !== undefined,
  )
  if (owner !== undefined)
    session.warn(
      `Note: "${owner.manager}" states spec.${stated.as} and may set it back with its next apply; change it there, too.\n`,
    )
}
