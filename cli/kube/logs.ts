// `kubectl sluice logs JOB`: what all workers of the job write, each line with the name of its pod. With -f also
// of workers that come later, after a rollout or a restart.
import { parseArgs } from 'node:util'
import { closest } from '#api/closest.ts'
import { describeError, isAbort } from '#common/errors.ts'
import { podType } from '#operator/resources.ts'
import type { Pod, SyncJobObject } from '#operator/resources.ts'
import { isRunning } from '#operator/sync-job/observe.ts'
import { podProblem } from '#operator/sync-job/readiness.ts'
import { UsageError } from '../usage-error.ts'
import { findJob, oneJobName } from './find-job.ts'
import { workerSelector } from './job-facts.ts'
import { readyOf } from './job-row.ts'
import { hasNoLog, restartsOf, streamLog } from './pod-log.ts'
import { clusterOptions } from './session.ts'
import type { Open, Session } from './session.ts'
import { textLines } from './text-lines.ts'

interface Wanted {
  worker: string | undefined
  follow: boolean
  previous: boolean
  tailLines: number | undefined
}

const pollMs = 2000

export async function run(argv: string[], open: Open): Promise<number> {
  const { values, positionals } = parseArgs({
    args: argv,
    allowPositionals: true,
    options: {
      ...clusterOptions,
      follow: { type: 'boolean', short: 'f', default: false },
      previous: { type: 'boolean', short: 'p', default: false },
      tail: { type: 'string' },
      worker: { type: 'string' },
    },
  })
  const name = oneJobName(positionals)
  const { follow, previous, tail, worker } = values
  if (tail !== undefined && !/^-?\d{1,9}$/.test(tail)) throw new UsageError('--tail is a number of lines')
  if (follow && previous) throw new UsageError('a log of before is not written any more: -p or -f, not both')
  // As with kubectl, a negative number is all.
  const tailLines = tail === undefined || Number(tail) < 0 ? undefined : Number(tail)
  const session = await open(values)
  const job = await findJob(session, name)
  const wanted = { worker, follow, previous, tailLines }
  return follow ? followLogs(session, job, wanted) : printLogs(session, job, wanted)
}

async function printLogs(session: Session, job: SyncJobObject, wanted: Wanted): Promise<number> {
  const pods = chosen(await workerPods(session, job), wanted.worker)
  if (pods.length === 0) session.warn(`${noWorkers(job)}\n`)
  for (const pod of pods) await printLog(session, pod, wanted)
  return 0
}

/** Ends when it is told to. */
async function followLogs(session: Session, job: SyncJobObject, wanted: Wanted): Promise<number> {
  const { clock, signal, warn } = session
  const begun = new Set<string>()
  const first = chosen(await workerPods(session, job), wanted.worker)
  if (first.length === 0) warn(`${noWorkers(job)}; waiting for some\n`)
  const old = new Set(first.map(runOf))
  const streams: Promise<void>[] = []
  for (let pods = first; !signal.aborted; pods = await nextPods(session, job, wanted)) {
    for (const pod of pods.filter(isRunning)) {
      if (begun.has(runOf(pod))) continue
      begun.add(runOf(pod))
      // Of a worker that comes while we look, everything is new.
      streams.push(printLog(session, pod, old.has(runOf(pod)) ? wanted : { ...wanted, tailLines: undefined }))
    }
    await clock.sleep(pollMs, signal)
  }
  await Promise.all(streams)
  return 0
}

async function nextPods(session: Session, job: SyncJobObject, { worker }: Wanted): Promise<Pod[]> {
  const pods = await workerPods(session, job).catch((error: unknown) => {
    if (!session.signal.aborted) session.warn(`${describeError(error)}\n`)
    return []
  })
  return worker === undefined ? pods : pods.filter(({ metadata }) => matches(metadata.name, worker))
}

async function workerPods({ client, signal }: Session, { metadata }: SyncJobObject): Promise<Pod[]> {
  const { namespace, name } = metadata
  return client.list(podType, { namespace, labelSelector: workerSelector(name), signal })
}

/** @throws UsageError when no pod has the name */
function chosen(pods: readonly Pod[], worker: string | undefined): Pod[] {
  if (worker === undefined) return [...pods]
  const found = pods.filter(({ metadata }) => matches(metadata.name, worker))
  if (found.length > 0) return found
  const names = pods.map(({ metadata }) => metadata.name)
  const meant = closest(worker, names)
  const hint = meant === undefined ? `there are: ${names.join(', ') || 'none'}` : `did you mean ${meant}?`
  throw new UsageError(`the job has no worker "${worker}"; ${hint}`)
}

/** The name of the pod, or the end of it that tells it from others. */
function matches(name: string, worker: string): boolean {
  return name === worker || name.endsWith(`-${worker}`)
}

/** One life of a container. */
function runOf(pod: Pod): string {
  return `${pod.metadata.uid} ${restartsOf(pod)}`
}

async function printLog(session: Session, pod: Pod, wanted: Wanted): Promise<void> {
  const { client, signal, write, warn } = session
  const { name } = pod.metadata
  const { follow, previous, tailLines } = wanted
  let lines = 0
  try {
    for await (const line of textLines(streamLog(client, pod, { follow, previous, tailLines, signal }))) {
      lines++
      await write(`[${name}] ${line}\n`)
    }
    // Of a pod that is on no node yet the API server gives an empty log.
    const problem = lines === 0 ? podProblem(pod) : null
    if (problem !== null) warn(`[${name}] no log: ${problem.reason}: ${problem.message}\n`)
  } catch (error) {
    if (signal.aborted || isAbort(error)) return
    if (!hasNoLog(error) && !follow) throw error
    warn(`[${name}] no log: ${describeError(error)}\n`)
  }
}

function noWorkers(job: SyncJobObject): string {
  const ready = readyOf(job)
  const { name } = job.metadata
  return ready === undefined
    ? `SyncJob ${name} has no workers yet`
    : `SyncJob ${name} has no workers: ${ready.reason}: ${ready.message}`
}
