// Whether a SyncJob does what it should, in one sentence: the Ready condition. Pure, and in order of what a person
// should hear first: what the workers say, then why there are none.
import type { ScalingStatus } from '#api/autoscaling.ts'
import type { WorkerStatus } from '#api/worker-status.ts'
import type { Statement } from '../kube/conditions.ts'
import type { ContainerExit, ContainerStatus, Deployment, Pod } from '../resources.ts'
import type { WorkerReport } from './worker-reports.ts'

export interface ObservedScaling {
  /** The last decision; undefined: there was none. */
  status: ScalingStatus | undefined
  /** What keeps the operator from scaling as it should; null: nothing. */
  limited: Statement | null
}

export interface Observed {
  /** Why the spec cannot be carried out. Workers of the last one that could be go on. */
  refusal: { reason: string; message: string } | null
  suspended: boolean
  /** Why it has no worker though nothing is wrong; null: it has, or should have. */
  asleep: string | null
  /** Null for a job without an end; otherwise whether its worker has ended by itself. */
  complete: boolean | null
  /** The RolledOut condition; null where there is nothing to roll out. */
  rolledOut: Statement | null
  /** Left out for a job that is not autoscaled. */
  scaling?: ObservedScaling | undefined
  deployment: Deployment | undefined
  pods: readonly Pod[]
  reports: readonly WorkerReport[]
}

type Verdict = Omit<Statement, 'type'>

export function readyCondition(observed: Observed): Statement {
  return { type: 'Ready', ...verdict(observed) }
}

function verdict({ refusal, complete, suspended, asleep, deployment, pods, reports }: Observed): Verdict {
  if (refusal !== null) return is('False', refusal.reason, refusal.message)
  if (complete) return is('True', 'Completed', 'Everything was copied; the worker has ended.')
  if (suspended) return is('False', 'Suspended', 'No workers run, as spec.suspend says; positions are kept.')
  if (asleep !== null) return is('True', 'Idle', asleep)
  const statuses = reports.flatMap(report => (report.kind === 'status' ? [report.status] : []))
  const failure = statuses.find(({ error }) => error !== null)?.error
  if (failure) return is('False', failure.code, failure.message)
  const unreachable = reports.find(report => report.kind === 'unreachable')
  if (unreachable) return is('Unknown', 'WorkerUnreachable', unreachable.message)
  return working(statuses) ?? waiting(deployment, pods)
}

/** Of several workers, what those say that are furthest: one that only starts takes over from them, or waits. */
const phases = ['snapshot', 'streaming', 'starting', 'stopped'] as const

function working(statuses: readonly WorkerStatus[]): Verdict | null {
  if (statuses.length === 0) return null
  const phase = phases.find(each => statuses.some(status => status.phase === each))
  const count = new Set(statuses.flatMap(({ tables }) => tables.map(({ name }) => name))).size
  const tables = `${count} ${count === 1 ? 'table' : 'tables'}`
  switch (phase) {
    case 'streaming':
      return is('True', 'Streaming', `Every change of ${tables} is taken over as it happens.`)
    case 'snapshot':
      return is('True', 'Snapshotting', `What is in ${tables} is being copied.`)
    case 'stopped':
      return is('False', 'WorkerStopping', 'The worker commits what it has read and ends.')
    default:
      return is('False', 'WorkerStarting', 'The worker looks for its tables and its positions.')
  }
}

/** Why no worker speaks. */
function waiting(deployment: Deployment | undefined, pods: readonly Pod[]): Verdict {
  for (const pod of pods) {
    const problem = podProblem(pod)
    if (problem !== null)
      return is('False', problem.reason, `Worker pod ${pod.metadata.name}: ${problem.message}`)
  }
  const refused = deployment?.status?.conditions?.find(
    ({ type, status }) => type === 'ReplicaFailure' && status === 'True',
  )
  if (refused) return is('False', refused.reason ?? 'FailedCreate', refused.message ?? 'No pod can be made.')
  return is('False', 'WorkerStarting', 'The worker pod is being started.')
}

interface PodProblem {
  reason: string
  message: string
}

/** No node has room for a pod. */
export const unschedulable = 'Unschedulable'

/** What keeps a pod from running; null when it is just on its way. */
export function podProblem({ status }: Pod): PodProblem | null {
  const unscheduled = status?.conditions?.find(
    ({ type, status: holds, reason }) =>
      type === 'PodScheduled' && holds === 'False' && reason === unschedulable,
  )
  if (unscheduled) return { reason: unschedulable, message: unscheduled.message ?? 'no node fits' }
  const problems = (status?.containerStatuses ?? []).map(containerProblem)
  return problems.find(problem => problem !== null) ?? null
}

function containerProblem({ state = {}, lastState = {} }: ContainerStatus): PodProblem | null {
  const { waiting, terminated } = state
  const ended = terminated ?? lastState.terminated
  if (ended !== undefined && ended.exitCode !== 0 && state.running === undefined)
    return { reason: waiting?.reason ?? 'CrashLoopBackOff', message: exitText(ended) }
  if (waiting?.reason === undefined || quietReasons.has(waiting.reason)) return null
  // Kubernetes goes to and fro between the two words while the cause is the same.
  const reason = waiting.reason === 'ErrImagePull' ? 'ImagePullBackOff' : waiting.reason
  return { reason, message: waiting.message ?? reason }
}

function exitText({ exitCode, reason, message }: ContainerExit): string {
  // The kubelet gives the tail of the log of a container that failed; the end of it is the cause.
  const lastLine = message?.trim().split('\n').at(-1)?.slice(0, 1000)
  return `exit code ${exitCode}: ${lastLine || (reason ?? 'no word')}`
}

/** A worker that ended well is started again: nothing to complain of. */
const quietReasons = new Set(['ContainerCreating', 'PodInitializing', 'CrashLoopBackOff'])

function is(status: Verdict['status'], reason: string, message: string): Verdict {
  return { status, reason, message }
}
