import { expect } from 'chai'
import { buildProbeJob, probeOutcome } from '#operator/autoscale/probe-job.ts'
import type { Job, Pod } from '#operator/resources.ts'
import { labelsOf } from '#operator/sync-job/names.ts'
import { planNameOf } from '#operator/sync-job/observe.ts'
import { built, compiled, worker } from '../sync-job/built.ts'

describe('The probe of a job', () => {
  it('is what its worker is, with other words', () => {
    const { job, children } = built()
    const probe = buildProbeJob(compiled(), worker, 1)
    const { template } = probe.spec
    expect(template.spec?.containers[0]?.args?.[0]).to.equal('probe')
    expect(planNameOf(template)).to.equal(children.plan.metadata.name)
    const pod = children.deployment.spec.template.spec!
    for (const part of [
      'volumes',
      'serviceAccountName',
      'securityContext',
      'automountServiceAccountToken',
    ] as const)
      expect(template.spec?.[part], part).to.deep.equal(pod[part])
    expect(probe.metadata.ownerReferences?.[0]?.name).to.equal(job.metadata.name)
    expect(template.metadata?.labels).to.deep.equal(labelsOf('shop-to-lake', 'probe'))
  })

  it('ends soon, is not tried again by Kubernetes, and goes by itself', () => {
    const { backoffLimit, activeDeadlineSeconds, ttlSecondsAfterFinished } = buildProbeJob(
      compiled(),
      worker,
      1,
    ).spec
    expect([backoffLimit, activeDeadlineSeconds, ttlSecondsAfterFinished]).to.deep.equal([0, 120, 60])
  })

  it('has another name each time', () => {
    const names = [1, 2].map(nowMs => buildProbeJob(compiled(), worker, nowMs).metadata.name)
    expect(names[0]).to.match(/^shop-to-lake-probe-[0-9a-f]{10}$/)
    expect(names[1]).to.not.equal(names[0])
  })

  const ended = (type: 'Complete' | 'Failed' | null): Job => ({
    ...buildProbeJob(compiled(), worker, 1),
    status: {
      conditions:
        type === null ? [] : [{ type, status: 'True', message: 'Job was active longer than allowed' }],
    },
  })
  const podOf = (job: Job, exitCode: number, message?: string): Pod => ({
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name: 'p', labels: { 'batch.kubernetes.io/job-name': job.metadata.name } },
    spec: { containers: [] },
    status: {
      containerStatuses: [
        { restartCount: 0, state: { terminated: { exitCode, ...(message && { message }) } } },
      ],
    },
  })
  const log = (line: string): string =>
    `{"level":"info","message":"x"}\nsluice probe: ${line}\nWhat to do: y\n`

  for (const { name, job, pods, expected } of [
    { name: 'nothing yet while it runs', job: ended(null), pods: [], expected: null },
    {
      name: 'that there is nothing to read',
      job: ended('Complete'),
      pods: [],
      expected: { kind: 'nothing' },
    },
    {
      name: 'what there is to read',
      job: ended('Failed'),
      pods: [podOf(ended('Failed'), 10, log('3 records wait.'))],
      expected: { kind: 'unread', what: '3 records wait.' },
    },
    {
      name: 'what there is to read, by its pod, before Kubernetes says that it has ended',
      job: ended(null),
      pods: [podOf(ended(null), 10, log('3 records wait.'))],
      expected: { kind: 'unread', what: '3 records wait.' },
    },
    {
      name: 'that there is nothing to read, by its pod, before Kubernetes says that it has ended',
      job: ended(null),
      pods: [podOf(ended(null), 0)],
      expected: { kind: 'nothing' },
    },
    {
      name: 'nothing yet of a failure, before Kubernetes says that it has ended',
      job: ended(null),
      pods: [podOf(ended(null), 1, log('SOURCE_UNREACHABLE: it is away'))],
      expected: null,
    },
    {
      name: 'why it could not be told, with its code',
      job: ended('Failed'),
      pods: [podOf(ended('Failed'), 1, log('PG_SLOT_LOST: it is gone'))],
      expected: { kind: 'failed', complaint: 'PG_SLOT_LOST: it is gone' },
    },
    {
      name: 'what Kubernetes says, where no pod does',
      job: ended('Failed'),
      pods: [podOf({ ...ended(null), metadata: { name: 'another' } }, 10)],
      expected: { kind: 'failed', complaint: 'The probe failed: Job was active longer than allowed' },
    },
  ])
    it(`says ${name}`, () => {
      expect(probeOutcome(job, pods)).to.deep.equal(expected)
    })
})
