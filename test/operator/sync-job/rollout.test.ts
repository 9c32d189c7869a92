import { expect } from 'chai'
import type { Deployment, Job, Pod } from '#operator/resources.ts'
import { decideRollout } from '#operator/sync-job/rollout.ts'
import type { Rollout, RolloutFacts } from '#operator/sync-job/rollout.ts'
import { built, worker } from './built.ts'

/** As the Deployment controller leaves it. */
const settled = (of: Deployment, replicas = 1): Deployment => ({
  ...of,
  metadata: { ...of.metadata, generation: 4 },
  status: { observedGeneration: 4, replicas, updatedReplicas: replicas },
})

const now = settled(built().children.deployment)
const { children: next, check: nextCheck } = built({ freshness: '9s' })
const otherImage = built({}, { ...worker, image: 'sluice:2' }).children.deployment
const restarted = built({ restart: 'now' }).children.deployment
const scaled = (of: Deployment, replicas: number): Deployment => {
  const spec: Pick<Deployment['spec'], keyof Deployment['spec']> = of.spec
  return { ...of, spec: { ...spec, replicas } }
}

/** The Deployment controller has not looked at it since it changed. */
const unseen = (of: Deployment): Deployment => ({ ...of, metadata: { ...of.metadata, generation: 5 } })

const pod = (of: Deployment, ready: boolean): Pod => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name: 'p' },
  spec: of.spec.template.spec!,
  status: { conditions: [{ type: 'Ready', status: ready ? 'True' : 'False' }] },
})

/** For which no node has room. */
const waiting = ({ metadata, spec }: Deployment | Job): Pod => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name: 'p', labels: { 'batch.kubernetes.io/job-name': metadata.name } },
  spec: spec.template.spec!,
  status: { conditions: [{ type: 'PodScheduled', status: 'False', reason: 'Unschedulable' }] },
})

/** `failed`: pods of it. */
const check = (ended?: 'Complete' | 'Failed' | 'DeadlineExceeded', failed = 1): Job => {
  if (ended === undefined) return nextCheck
  const condition =
    ended === 'DeadlineExceeded' ? { type: 'Failed', reason: ended } : { type: ended, message: 'no' }
  return { ...nextCheck, status: { failed, conditions: [{ ...condition, status: 'True' }] } }
}

const noRoom: RolloutFacts['told'] = {
  type: 'RolledOut',
  status: 'False',
  reason: 'Unschedulable',
  message: '0/3 nodes',
}

const told: RolloutFacts['told'] = {
  type: 'RolledOut',
  status: 'False',
  reason: 'TABLE_NOT_FOUND',
  message: 'no table',
}

const cases: { name: string; facts: Partial<RolloutFacts>; expected: [Rollout['step'], string] }[] = [
  {
    name: 'the first workers',
    facts: { live: undefined, workers: [] },
    expected: ['apply', 'Unknown Replacing'],
  },
  { name: 'what is there already', facts: { desired: now }, expected: ['apply', 'True RolledOut'] },
  {
    name: 'more of the same workers, before the number is applied',
    facts: { desired: scaled(now, 3), wasRolledOut: true },
    expected: ['apply', 'True RolledOut'],
  },
  {
    name: 'more of the same workers, before anybody has taken it up',
    facts: { desired: scaled(now, 3), live: unseen(scaled(now, 3)), wasRolledOut: true },
    expected: ['apply', 'True RolledOut'],
  },
  {
    name: 'fewer of the same workers, while those too many end',
    facts: { desired: now, live: settled(now, 3), wasRolledOut: true },
    expected: ['apply', 'True RolledOut'],
  },
  {
    name: 'more of the same workers while others are still being replaced',
    facts: { desired: scaled(now, 3), live: scaled(now, 3) },
    expected: ['apply', 'Unknown Replacing'],
  },
  {
    name: 'workers of which one is of before, though it was said that none is',
    facts: { desired: now, live: { ...now, status: { ...now.status, replicas: 2 } }, wasRolledOut: true },
    expected: ['apply', 'Unknown Replacing'],
  },
  {
    name: 'the same workers with a restart',
    facts: { desired: restarted, wasRolledOut: true },
    expected: ['apply', 'Unknown Replacing'],
  },
  { name: 'another plan', facts: {}, expected: ['check', 'Unknown Checking'] },
  { name: 'another image', facts: { desired: otherImage }, expected: ['check', 'Unknown Checking'] },
  {
    name: 'another plan while it is checked',
    facts: { check: check() },
    expected: ['wait', 'Unknown Checking'],
  },
  { name: 'one that passed', facts: { check: check('Complete') }, expected: ['apply', 'Unknown Replacing'] },
  {
    name: 'one that passed, when its workers are there',
    facts: { live: settled(next.deployment), workers: [pod(next.deployment, false)] },
    expected: ['apply', 'True RolledOut'],
  },
  {
    name: 'one that passed, while the old worker ends',
    facts: {
      live: {
        ...settled(next.deployment),
        status: { observedGeneration: 4, replicas: 2, updatedReplicas: 1 },
      },
    },
    expected: ['apply', 'Unknown Replacing'],
  },
  {
    name: 'one that passed, and that nobody has taken up yet',
    facts: {
      live: {
        ...settled(next.deployment),
        status: { observedGeneration: 3, replicas: 1, updatedReplicas: 1 },
      },
    },
    expected: ['apply', 'Unknown Replacing'],
  },
  { name: 'one that failed', facts: { check: check('Failed') }, expected: ['wait', 'False CheckFailed'] },
  { name: 'one that failed before', facts: { told }, expected: ['check', 'False TABLE_NOT_FOUND'] },
  {
    name: 'one that failed before, while it is checked again',
    facts: { told, check: check() },
    expected: ['wait', 'False TABLE_NOT_FOUND'],
  },
  {
    name: 'another plan where no worker works',
    facts: { workers: [pod(now, false)] },
    expected: ['check', 'Unknown Checking'],
  },
  {
    name: 'another plan where no worker is',
    facts: { workers: [] },
    expected: ['check', 'Unknown Checking'],
  },
  {
    name: 'one that failed where no worker works',
    facts: { workers: [pod(now, false)], check: check('Failed') },
    expected: ['wait', 'False CheckFailed'],
  },
  {
    name: 'another plan where a worker is about to start',
    facts: { workers: [pod(now, false)], mayWork: true },
    expected: ['check', 'Unknown Checking'],
  },
  {
    name: 'one that failed before, though no worker works at the moment',
    facts: { told, workers: [pod(now, false)] },
    expected: ['check', 'False TABLE_NOT_FOUND'],
  },
  {
    name: 'one whose check no node has room for, where no worker works',
    facts: { workers: [pod(now, false)], check: check(), checkPods: [waiting(nextCheck)] },
    expected: ['wait', 'False Unschedulable'],
  },
  {
    name: 'one whose check found no room, beside workers that have room and do not work',
    facts: { workers: [pod(now, false)], check: check('DeadlineExceeded'), told: noRoom },
    expected: ['apply', 'Unknown Replacing'],
  },
  {
    name: 'one whose check found no room, as the workers did not',
    facts: { workers: [waiting(now)], check: check('DeadlineExceeded'), told: noRoom },
    expected: ['wait', 'False DeadlineExceeded'],
  },
  {
    name: 'one whose check had no pod, as if a quota that broken workers fill kept it out',
    facts: { workers: [waiting(now)], check: check('DeadlineExceeded', 0) },
    expected: ['apply', 'Unknown Replacing'],
  },
  {
    name: 'one whose check had no pod, beside workers that worked when that was told',
    facts: {
      workers: [pod(now, false)],
      check: check('DeadlineExceeded', 0),
      told: { ...noRoom, reason: 'DeadlineExceeded' },
    },
    expected: ['apply', 'Unknown Replacing'],
  },
  {
    name: 'one whose check found no room, as the workers did not, when that has been told',
    facts: {
      workers: [waiting(now)],
      check: check('DeadlineExceeded'),
      told: { ...noRoom, reason: 'DeadlineExceeded' },
    },
    expected: ['wait', 'False DeadlineExceeded'],
  },
  {
    name: 'one whose check found no room, beside workers that work',
    facts: { check: check('DeadlineExceeded'), told: noRoom },
    expected: ['wait', 'False DeadlineExceeded'],
  },
  {
    name: 'one whose check found no room, beside a worker that is about to start',
    facts: { workers: [pod(now, false)], mayWork: true, check: check('DeadlineExceeded') },
    expected: ['wait', 'False DeadlineExceeded'],
  },
  {
    name: 'one whose image the check could not pull until its deadline, where no worker works',
    facts: {
      workers: [pod(now, false)],
      check: check('DeadlineExceeded'),
      told: { ...noRoom, reason: 'ImagePullBackOff' },
    },
    expected: ['wait', 'False DeadlineExceeded'],
  },
  {
    name: 'a job that goes on',
    facts: { live: scaled(now, 0), workers: [] },
    expected: ['apply', 'Unknown Replacing'],
  },
  {
    name: 'a suspended job',
    facts: { live: settled(scaled(now, 0), 0), desired: scaled(now, 0), workers: [] },
    expected: ['apply', 'True RolledOut'],
  },
  {
    name: 'a job to be suspended',
    facts: { desired: scaled(next.deployment, 0), told },
    expected: ['apply', 'Unknown Replacing'],
  },
]

describe('decideRollout', () => {
  for (const { name, facts, expected } of cases)
    it(`of ${name}: ${expected.join(', ')}`, () => {
      const { step, condition } = decideRollout({
        desired: next.deployment,
        live: now,
        workers: [pod(now, true)],
        mayWork: false,
        check: undefined,
        checkPods: [],
        told: undefined,
        wasRolledOut: false,
        ...facts,
      })
      expect([step, `${condition.status} ${condition.reason}`]).to.deep.equal(expected)
    })
})
