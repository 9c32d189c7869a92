// A look at the source of jobs that have no worker: a short-lived Job with the workers' image, Secrets and identity that
// runs `sluice probe`, so that the operator needs no key and reaches no database. How it ended is read off its pod.
import { probeExitCodes, probeReportPath, readProbeReport } from '#api/probe.ts'
import type { ProbeResult } from '#api/probe.ts'
import type { ProbeOutcome } from '#master/autoscale/sleep.ts'
import { contentHash } from '../kube/apply.ts'
import type { ContainerExit, Job, Pod } from '../resources.ts'
import type { CompiledJob } from '../sync-job/compile-job.ts'
import { jobOutcome } from '../sync-job/job-outcome.ts'
import { planName, probeName, shortName } from '../sync-job/names.ts'
import { podProblem } from '../sync-job/readiness.ts'
import { buildVisitJob, podsOf } from '../sync-job/visit-job.ts'
import { planFile } from '../sync-job/worker-pod.ts'
import type { WorkerImage } from '../sync-job/worker-pod.ts'

/** A look that takes longer tells nothing. */
export const probeDeadlineMs = 120_000
/** So that a person can read its log. */
const keptSeconds = 60
/** Names of the SyncJobs that it looks for, in the order of its plans. */
const probedAnnotation = 'sluice.dev/probed-jobs'

/** By the names of the jobs; one of which it tells nothing is left out. */
export type ProbeOutcomes = ReadonlyMap<string, ProbeOutcome>

export interface EndedProbe {
  outcomes: ProbeOutcomes
  /** Otherwise it failed, and what its pod said may be on its way here. */
  isExplained: boolean
}

/** @param batch what one pod may look at: see probe-batches.ts; the Job is that of the first */
export function buildProbeJob(batch: readonly CompiledJob[], worker: WorkerImage, nowMs: number): Job {
  const { job, plan } = batch[0]!
  const { name, uid } = job.metadata
  const names = batch.map(each => each.job.metadata.name)
  const sources = batch.map(each => ({
    configMap: {
      name: planName(each.job.metadata.name, contentHash(each.plan)),
      // That of a job which is changed meanwhile goes, and the others are to be looked at nevertheless.
      optional: true,
      items: [{ key: planFile, path: planFileOf(each.job.metadata.name) }],
    },
  }))
  return buildVisitJob(job, plan, {
    name: probeName(name, contentHash([uid, nowMs])),
    command: 'probe',
    worker,
    planVolume: { name: 'plan', projected: { sources } },
    planFiles: names.map(planFileOf),
    extraArgs: ['--report', probeReportPath],
    annotations: { [probedAnnotation]: names.join() },
    backoffLimit: 0,
    deadlineSeconds: probeDeadlineMs / 1000,
    keptSeconds,
  })
}

/** Names of the SyncJobs that a probe looks for. */
export function probedJobs({ metadata: { annotations, ownerReferences = [] } }: Job): readonly string[] {
  // One that an operator of before began looks for its owner.
  return annotations?.[probedAnnotation]?.split(',') ?? ownerReferences.map(({ name }) => name)
}

/** Null while it runs. @param pods of the job that it belongs to */
export function endedProbe(job: Job, pods: readonly Pod[]): EndedProbe | null {
  const own = podsOf(job, pods)
  const exit = own.map(exitOf).find(found => found !== undefined)
  const names = probedJobs(job)
  const report = readProbeReport(exit?.message ?? '', names.length)
  // The pod tells some seconds before the Job does.
  if (report !== null) return { outcomes: reported(names, report, exit), isExplained: true }
  const outcome = outcomeOfAll(job, own, exit)
  if (outcome === null) return null
  const isExplained = outcome.kind !== 'failed' || exit !== undefined
  return { outcomes: new Map(names.map(name => [name, outcome])), isExplained }
}

/** Of a probe that left no report. */
function outcomeOfAll(job: Job, pods: readonly Pod[], exit: ContainerExit | undefined): ProbeOutcome | null {
  const said = /^sluice probe: (.*)$/m.exec(exit?.message ?? '')?.[1]?.slice(0, 1000)
  if (exit?.exitCode === probeExitCodes.nothing) return { kind: 'nothing' }
  if (exit?.exitCode === probeExitCodes.unread)
    return { kind: 'unread', what: said ?? 'Its probe found something.' }
  const outcome = jobOutcome(job)
  if (outcome === 'running') return null
  if (outcome === 'done') return { kind: 'nothing' }
  return { kind: 'failed', complaint: said ?? (problemOf(pods) || failureOf(job)) }
}

function reported(
  names: readonly string[],
  report: readonly ProbeResult[],
  exit: ContainerExit | undefined,
): ProbeOutcomes {
  const reason = exit?.reason === 'OOMKilled' ? ' (OOMKilled)' : ''
  return new Map(
    names.flatMap((name, at): [string, ProbeOutcome][] => {
      const result = report[at]!
      if (result === 'later') return []
      if (result === 'nothing') return [[name, { kind: 'nothing' }]]
      if ('unread' in result) return [[name, { kind: 'unread', what: result.unread }]]
      return [[name, { kind: 'failed', complaint: result.failed + reason }]]
    }),
  )
}

function planFileOf(job: string): string {
  return `${shortName(job)}.json`
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
