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
const scaled = (of: Deployment, replicas: number): Deployment => {
  const spec: Pick<Deployment['spec'], keyof Deployment['spec']> = of.spec
  return { ...of, spec: { ...spec, replicas } }
}

const pod = (of: Deployment, ready: boolean): Pod => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name: 'p' },
  spec: of.spec.template.spec!,
  status: { conditions: [{ type: 'Ready', status: ready ? 'True' : 'False' }] },
})

const check = (ended?: 'Complete' | 'Failed'): Job => ({
  ...nextCheck,
  ...(ended && { status: { conditions: [{ type: ended, status: 'True', message: 'no' }] } }),
})

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
    expected: ['apply', 'Unknown Replacing'],
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
        ...facts,
      })
      expect([step, `${condition.status} ${condition.reason}`]).to.deep.equal(expected)
    })
})
