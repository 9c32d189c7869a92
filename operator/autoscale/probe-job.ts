// A look at the source of a job that has no worker: a short-lived Job with the workers' image, Secrets and identity that
// runs `sluice probe`, so that the operator needs no key and reaches no database. How it ended is read off its pod.
import { probeExitCodes } from '#api/probe.ts'
import type { ProbeOutcome } from '#master/autoscale/sleep.ts'
import { contentHash } from '../kube/apply.ts'
import type { ContainerExit, Job, Pod } from '../resources.ts'
import type { CompiledJob } from '../sync-job/compile-job.ts'
import { jobOutcome } from '../sync-job/job-outcome.ts'
import { planName, probeName } from '../sync-job/names.ts'
import { podProblem } from '../sync-job/readiness.ts'
import { buildVisitJob, podsOf } from '../sync-job/visit-job.ts'
import type { WorkerImage } from '../sync-job/worker-pod.ts'

/** A look that takes longer tells nothing. */
export const probeDeadlineMs = 120_000
/** So that a person can read its log. */
const keptSeconds = 60

export function buildProbeJob({ job, plan }: CompiledJob, worker: WorkerImage, nowMs: number): Job {
  const { name, uid } = job.metadata
  return buildVisitJob(job, plan, {
    name: probeName(name, contentHash([uid, nowMs])),
    command: 'probe',
    worker,
    planMapName: planName(name, contentHash(plan)),
    backoffLimit: 0,
    deadlineSeconds: probeDeadlineMs / 1000,
    keptSeconds,
  })
}

/** Null while it runs. @param pods of the job */
export function probeOutcome(job: Job, pods: readonly Pod[]): ProbeOutcome | null {
  const own = podsOf(job, pods)
  const exit = own.map(exitOf).find(found => found !== undefined)
  const said = /^sluice probe: (.*)$/m.exec(exit?.message ?? '')?.[1]?.slice(0, 1000)
  // The pod tells some seconds before the Job does.
  if (exit?.exitCode === probeExitCodes.nothing) return { kind: 'nothing' }
  if (exit?.exitCode === probeExitCodes.unread)
    return { kind: 'unread', what: said ?? 'Its probe found something.' }
  const outcome = jobOutcome(job)
  if (outcome === 'running') return null
  if (outcome === 'done') return { kind: 'nothing' }
  return { kind: 'failed', complaint: said ?? (problemOf(own) || failureOf(job)) }
}

function exitOf({ status }: Pod): ContainerExit | undefined {
  return status?.containerStatuses?.find(({ state }) => state?.terminated !== undefined)?.state?.terminated
}

function problemOf(pods: readonly Pod[]): string | undefined {
  const problem = pods.map(podProblem).find(found => found !== null)
  return problem && `${problem.reason}: ${problem.message}`
}

function failureOf({ status }: Job): string {
  const failed = status?.conditions?.find(({ type, status: holds }) => type === 'Failed' && holds === 'True')
  return `The probe failed: ${failed?.message ?? failed?.reason ?? 'nobody says why'}`
}
