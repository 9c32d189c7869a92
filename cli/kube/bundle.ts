// The parts of a bug report: everything of a namespace that has to do with its jobs, and of the operator. Secrets
// are never read; of what is read, secrets are taken out before anything is written.
import { stringify } from 'yaml'
import { describeError } from '#common/errors.ts'
import type { KubeClient } from '#operator/kube/client.ts'
import { leaseType } from '#operator/kube/leader-election.ts'
import type { KubeObject, ResourceType } from '#operator/kube/object.ts'
import {
  configMapType,
  dataSourceType,
  deploymentType,
  jobType,
  podDisruptionBudgetType,
  podType,
  virtualTableType,
} from '#operator/resources.ts'
import type { Pod } from '#operator/resources.ts'
import { contentHash } from '#operator/kube/apply.ts'
import { jobLabel, managedBy, managedByLabel, shortName } from '#operator/sync-job/names.ts'
import { clusterEventType, concerns } from './cluster-event.ts'
import { explainJob } from './explanation.ts'
import { listJobs } from './find-job.ts'
import { orGap, readJobFacts } from './job-facts.ts'
import { KnownSecrets } from './known-secrets.ts'
import { hasNoLog, readLog, restartsOf } from './pod-log.ts'
import type { LogQuery } from './pod-log.ts'
import { redactLog, redactObject } from './redact-object.ts'
import { redactText } from './redact-text.ts'
import type { Session } from './session.ts'
import type { ArchiveFile } from './tar-archive.ts'

export interface BundleScope {
  /** One job, or all of the namespace. */
  job: string | undefined
  operatorNamespace: string
  /** Lines of each log. */
  tailLines: number
}

export interface Bundle {
  files: ArchiveFile[]
  /** What could not be read, a sentence each. */
  gaps: string[]
}

interface Collecting extends Bundle {
  secrets: KnownSecrets
}

const logBytesMax = 16 * 1024 * 1024
const ours = `${managedByLabel}=${managedBy}`
const operatorPods = 'app.kubernetes.io/name=sluice,app.kubernetes.io/component=operator'

/** @throws ConfigError KUBE_CRDS_MISSING, KUBE_FORBIDDEN when not even SyncJobs can be read */
export async function collectBundle(session: Session, scope: BundleScope): Promise<Bundle> {
  const bundle: Collecting = { files: [], gaps: [], secrets: new KnownSecrets() }
  const jobs = (await listJobs(session, session.namespace)).filter(
    ({ metadata }) => scope.job === undefined || metadata.name === scope.job,
  )
  addObjects(bundle, 'syncjobs', jobs)
  for (const job of jobs) {
    const facts = await readJobFacts(session, job)
    bundle.gaps.push(...facts.gaps)
    bundle.files.push({
      path: `explain/${shortPath(job.metadata.name)}.txt`,
      text: redactText(`${explainJob(facts).join('\n')}\n`),
    })
    addObjects(
      bundle,
      `worker-status/${shortPath(job.metadata.name)}`,
      facts.workers.map(({ status }) => status),
    )
  }
  await addNamespace(session, bundle, scope)
  await addOperator(session, bundle, scope)
  // What one object says of a secret, another says without its name.
  const files = bundle.files.map(({ path, text }) => ({ path, text: bundle.secrets.redact(text) }))
  const gaps = [...new Set(bundle.gaps)].map(gap => bundle.secrets.redact(redactText(gap)))
  return { files, gaps }
}

async function addNamespace(
  session: Session,
  bundle: Collecting,
  { job, tailLines }: BundleScope,
): Promise<void> {
  const { client, namespace, signal } = session
  const list = lister(session, bundle, namespace)
  const ofJobs = job === undefined ? ours : `${ours},${jobLabel}=${shortName(job)}`
  addObjects(bundle, 'datasources', await list(dataSourceType))
  addObjects(bundle, 'virtualtables', await list(virtualTableType))
  for (const type of [deploymentType, configMapType, podDisruptionBudgetType, jobType])
    addObjects(bundle, type.plural, await list(type as ResourceType, ofJobs))
  const events = await list(clusterEventType)
  addObjects(bundle, 'events', job === undefined ? events : events.filter(event => concerns(event, job)))
  const pods = await list(podType, ofJobs)
  addObjects(bundle, 'pods', pods)
  await addLogs(client, bundle, pods, { folder: 'logs', tailLines, signal })
}

async function addOperator(session: Session, bundle: Collecting, scope: BundleScope): Promise<void> {
  const { operatorNamespace, tailLines } = scope
  const list = lister(session, bundle, operatorNamespace)
  const pods = await list(podType, operatorPods)
  if (pods.length === 0) bundle.gaps.push(`the operator: no pod of it seen in namespace ${operatorNamespace}`)
  addObjects(bundle, 'operator/deployments', await list(deploymentType, operatorPods))
  addObjects(bundle, 'operator/pods', pods)
  const leases = (await list(leaseType)).filter(({ metadata }) => metadata.name.endsWith('sluice-operator'))
  addObjects(bundle, 'operator/leases', leases)
  await addLogs(session.client, bundle, pods, { folder: 'operator/logs', tailLines, signal: session.signal })
}

type Lister = <T extends KubeObject>(type: ResourceType<T>, labelSelector?: string) => Promise<T[]>

/** Lists what may be read; the rest is a gap. */
function lister({ client, signal }: Session, { gaps }: Bundle, namespace: string): Lister {
  return async (type, labelSelector) => {
    const of = { namespace, signal, ...(labelSelector === undefined ? {} : { labelSelector }) }
    return orGap(gaps, `${type.plural} of namespace ${namespace}`, [], client.list(type, of))
  }
}

async function addLogs(
  client: KubeClient,
  bundle: Bundle,
  pods: readonly Pod[],
  { folder, ...query }: LogQuery & { folder: string },
): Promise<void> {
  for (const pod of pods) {
    const name = shortPath(pod.metadata.name)
    await addLog(bundle, `${folder}/${name}.log`, readLog(client, pod, { ...query, limitBytes: logBytesMax }))
    if (restartsOf(pod) > 0) {
      const before = readLog(client, pod, { ...query, limitBytes: logBytesMax, previous: true })
      await addLog(bundle, `${folder}/${name}.previous.log`, before)
    }
  }
}

async function addLog(bundle: Bundle, path: string, log: Promise<string>): Promise<void> {
  try {
    bundle.files.push({ path, text: redactLog(await log) })
  } catch (error) {
    bundle.gaps.push(
      `${path}: ${hasNoLog(error) ? 'there is none: ' : ''}${describeError(error).slice(0, 300)}`,
    )
  }
}

/** As YAML documents, without what only the API server needs. */
function addObjects({ files, secrets }: Collecting, name: string, objects: readonly unknown[]): void {
  const there = objects.filter(object => object !== null)
  if (there.length === 0) return
  const learn = (value: string): void => secrets.add(value)
  const documents = there.map(object => stringify(redactObject(withoutManagedFields(object), learn)))
  files.push({ path: `${name}.yaml`, text: documents.join('---\n') })
}

function withoutManagedFields(object: unknown): unknown {
  const { metadata, ...rest } = object as Partial<KubeObject>
  if (metadata === undefined) return object
  const { managedFields: _, ...others } = metadata
  const { apiVersion, kind, ...content } = rest
  return { apiVersion, kind, metadata: others, ...content }
}

/** Names of resources may be longer than those of files in an archive. */
function shortPath(name: string): string {
  return name.length <= 90 ? name : `${name.slice(0, 80)}-${contentHash(name).slice(0, 8)}`
}
