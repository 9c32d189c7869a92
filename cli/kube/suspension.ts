// What `pause` and `resume` share: spec.suspend, and the wait until it is so. A pause takes the field, and a resume gives
// it back where that is enough.
import { parseArgs } from 'node:util'
import { parseDuration } from '#api/duration.ts'
import { podType } from '#operator/resources.ts'
import type { SyncJobObject } from '#operator/resources.ts'
import { applySpec, warnOfOwner } from './apply-spec.ts'
import { awaitJob } from './await-job.ts'
import { findJob, oneJobName } from './find-job.ts'
import { workerSelector } from './job-facts.ts'
import { isSuspended, readyOf } from './job-row.ts'
import { clusterOptions } from './session.ts'
import type { Open, Session } from './session.ts'

const fieldManager = 'kubectl-sluice'

export async function setSuspended(argv: string[], open: Open, suspend: boolean): Promise<number> {
  const { values, positionals } = parseArgs({
    args: argv,
    allowPositionals: true,
    options: {
      ...clusterOptions,
      wait: { type: 'boolean' },
      timeout: { type: 'string', default: '2m' },
    },
  })
  const name = oneJobName(positionals)
  const timeoutMs = parseDuration(values.timeout)
  const session = await open(values)
  const before = await findJob(session, name)
  const changed = isSuspended(before) !== suspend
  if (changed) {
    warnOfOwner(session, before, { field: 'suspend', fieldManager, as: `suspend: ${!suspend}` })
    await (suspend ? pause : resume)(session, before)
  }
  const word = suspend ? 'paused' : 'resumed'
  await session.write(`syncjob/${name} ${changed ? word : `was ${suspend ? 'paused' : 'running'} already`}\n`)
  if (values.wait !== true) return 0
  return awaitJob(session, {
    name,
    timeoutMs,
    missing: job => (suspend ? untilPaused(session, job) : untilRunning(job)),
    done: job => (suspend ? 'has no worker any more' : `is ready: ${readyOf(job)?.reason}`),
  })
}

async function pause(session: Session, job: SyncJobObject): Promise<void> {
  await applySpec(session, job, { fieldManager, spec: { suspend: true } })
}

/** Stating nothing gives back what we stated; only a pause that is not ours has to be overruled. */
async function resume(session: Session, job: SyncJobObject): Promise<void> {
  const after = await applySpec(session, job, { fieldManager, spec: null })
  if (isSuspended(after)) await applySpec(session, job, { fieldManager, spec: { suspend: false } })
}

/** What is still missing; null when nothing is. The worker commits what it holds before it ends. */
async function untilPaused({ client, signal }: Session, job: SyncJobObject): Promise<string | null> {
  const { namespace, name, generation } = job.metadata
  if (job.status?.observedGeneration !== generation) return 'the operator has not looked at it yet'
  const pods = await client.list(podType, { namespace, labelSelector: workerSelector(name), signal })
  return pods.length === 0 ? null : `worker ${pods[0]!.metadata.name} has not ended yet`
}

function untilRunning(job: SyncJobObject): string | null {
  const ready = readyOf(job)
  if (job.status?.observedGeneration !== job.metadata.generation || ready === undefined)
    return 'the operator has not looked at it yet'
  return ready.status === 'True' ? null : `${ready.reason}: ${ready.message}`
}
