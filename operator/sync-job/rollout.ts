// Whether workers may be replaced by those of another plan or another image: only when a check with the new ones has
// passed. Until then, and while the check fails, the Deployment stays as it is, so there is nothing to roll back. Pure;
// the outcome is the RolledOut condition and what to do.
import { covers } from '../kube/apply.ts'
import type { Statement } from '../kube/conditions.ts'
import type { Deployment, Job, Pod } from '../resources.ts'
import { checkComplaint, deadlineExceeded } from './check-job.ts'
import { jobOutcome } from './job-outcome.ts'
import { isReady, planNameOf } from './observe.ts'
import { podProblem, unschedulable } from './readiness.ts'

export interface RolloutFacts {
  desired: Deployment
  live: Deployment | undefined
  workers: readonly Pod[]
  /** Whether nothing was told against the workers: one that starts is not ready yet, and may have to be kept all the same. */
  mayWork: boolean
  /** The check of just this plan and image, and the pods of checks. */
  check: Job | undefined
  checkPods: readonly Pod[]
  /** RolledOut as it was last told, if that was of this generation of the spec. */
  told: Statement | undefined
  /** Whether RolledOut was last told as true, of whatever generation. */
  wasRolledOut: boolean
}

export interface Rollout {
  /** apply: make the Deployment what it should be. check: begin a check. wait: for the one that runs or has failed. */
  step: 'apply' | 'check' | 'wait'
  condition: Statement
}

export function decideRollout(facts: RolloutFacts): Rollout {
  const { desired, live, check, told } = facts
  if (live === undefined || !replacesWorkers(live, desired))
    return { step: 'apply', condition: progress(facts) }
  const refused = told?.status === 'False' ? told : null
  if (check === undefined) return { step: 'check', condition: refused ?? checking }
  if (jobOutcome(check) === 'done') return { step: 'apply', condition: progress(facts) }
  const complaint = checkComplaint(check, facts.checkPods)
  if (complaint === null) return { step: 'wait', condition: refused ?? checking }
  if (complaint.reason === deadlineExceeded && areInTheWay(facts, check))
    return { step: 'apply', condition: progress(facts) }
  const message = `The workers stay as they were. The check of what they should be says: ${complaint.message}`
  return {
    step: 'wait',
    condition: { type: 'RolledOut', status: 'False', reason: complaint.reason, message },
  }
}

/**
 * Of a check that ran into its deadline without a word: whether what it waited for may be held by workers that do not
 * work. Then it would never come to run, and the change may be what mends them. Without a pod it was kept out by a
 * quota, in which pods count that only wait; a node's room is held by those alone that have a node.
 */
function areInTheWay({ workers, mayWork, told }: RolloutFacts, check: Job): boolean {
  if (workers.some(isReady) || (mayWork && workers.length > 0)) return false
  // A pod that is deleted because of the deadline counts as failed.
  const hadPod = (check.status?.failed ?? 0) > 0
  if (!hadPod) return true
  return told?.reason === unschedulable && workers.some(pod => podProblem(pod)?.reason !== unschedulable)
}

const checking: Statement = {
  type: 'RolledOut',
  status: 'Unknown',
  reason: 'Checking',
  message: 'A pod finds out whether the new spec or image works, before the workers are replaced.',
}

/** The same as long as no check may begin: enough others run. What was refused stays told. */
export function waitForTurn({ condition }: Rollout): Rollout {
  if (condition.reason !== checking.reason) return { step: 'wait', condition }
  const message =
    'The checks of other jobs come first (--max-checks of the operator, or the connections of its source); the workers stay as they are.'
  return { step: 'wait', condition: { ...condition, reason: 'CheckWaiting', message } }
}

/** Whether there are workers, and are to be, of another plan or image. A restart of the same ones needs no check. */
function replacesWorkers({ spec: live }: Deployment, { spec: desired }: Deployment): boolean {
  if (live.replicas === 0 || desired.replicas === 0) return false
  return (
    planNameOf(live.template) !== planNameOf(desired.template) ||
    live.template.spec?.containers[0]?.image !== desired.template.spec?.containers[0]?.image
  )
}

function progress(facts: RolloutFacts): Statement {
  return isRolledOut(facts)
    ? { type: 'RolledOut', status: 'True', reason: 'RolledOut', message: 'The workers are as the spec says.' }
    : {
        type: 'RolledOut',
        status: 'Unknown',
        reason: 'Replacing',
        message: 'The workers are being replaced.',
      }
}

/**
 * As `kubectl rollout status` sees it, without a word on whether they are ready: that is what Ready tells. Once it is
 * so, it stays so while nothing but their number changes: none is replaced then.
 */
function isRolledOut({ desired, live, wasRolledOut }: RolloutFacts): boolean {
  if (live === undefined) return false
  const { observedGeneration = 0, replicas = 0, updatedReplicas = 0 } = live.status ?? {}
  const isSeen = observedGeneration >= (live.metadata.generation ?? 0)
  if (wasRolledOut) {
    const { replicas: _n, ...same } = desired.spec
    return covers(live.spec, same) && (!isSeen || replicas === updatedReplicas)
  }
  const isNumber = updatedReplicas === desired.spec.replicas && replicas === updatedReplicas
  return covers(live.spec, desired.spec) && isSeen && isNumber
}
