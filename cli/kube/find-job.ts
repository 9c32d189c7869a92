// SyncJobs by name, with an error that helps when there is none of that name.
import { closest } from '#api/closest.ts'
import { ConfigError } from '#common/errors.ts'
import { isNotFound } from '#operator/kube/api-error.ts'
import { syncJobType } from '#operator/resources.ts'
import type { SyncJobObject } from '#operator/resources.ts'
import { UsageError } from '../usage-error.ts'
import type { Session } from './session.ts'

/** The one name that a verb takes. @throws UsageError */
export function oneJobName(names: readonly string[]): string {
  const [name, ...others] = names
  if (name === undefined || others.length > 0) throw new UsageError('give one SyncJob: its name')
  // As kubectl prints it: syncjob.sluice.dev/shop-to-lake.
  return name.slice(name.lastIndexOf('/') + 1)
}

/** @throws ConfigError JOB_NOT_FOUND, KUBE_CRDS_MISSING, KUBE_FORBIDDEN */
export async function findJob(session: Session, name: string): Promise<SyncJobObject> {
  const { client, namespace, signal } = session
  const found = await client.get(syncJobType, { namespace, name }, signal)
  if (found !== null) return found
  const here = (await listJobs(session, namespace)).map(({ metadata }) => metadata.name)
  throw new ConfigError(
    `namespace "${namespace}" has no SyncJob "${name}"${await hint(session, name, here)}`,
    { code: 'JOB_NOT_FOUND' },
  )
}

/** Undefined: of all namespaces. @throws ConfigError KUBE_CRDS_MISSING, KUBE_FORBIDDEN */
export async function listJobs(
  { client, signal }: Session,
  namespace: string | undefined,
): Promise<SyncJobObject[]> {
  try {
    return await client.list(syncJobType, { namespace, signal })
  } catch (cause) {
    // A kind that is there answers with an empty list.
    if (!isNotFound(cause)) throw cause
    throw new ConfigError('the cluster knows no SyncJobs', { code: 'KUBE_CRDS_MISSING' })
  }
}

async function hint(session: Session, name: string, here: readonly string[]): Promise<string> {
  const meant = closest(name, here)
  if (meant !== undefined) return `; did you mean "${meant}"?`
  // Who may not look elsewhere gets the shorter answer.
  const everywhere = await listJobs(session, undefined).catch(() => [])
  const elsewhere = everywhere.find(({ metadata }) => metadata.name === name)
  if (elsewhere !== undefined) return `; there is one in namespace "${elsewhere.metadata.namespace}"`
  if (here.length === 0) return '; it has none'
  return `; it has ${here.length > 5 ? `${here.length}, among them ` : ''}${here.slice(0, 5).join(', ')}`
}
