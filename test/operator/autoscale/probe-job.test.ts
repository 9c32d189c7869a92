import { expect } from 'chai'
import { probeReportText } from '#api/probe.ts'
import { buildProbeJob, endedProbe, probedJobs } from '#operator/autoscale/probe-job.ts'
import type { Job, Pod } from '#operator/resources.ts'
import { labelsOf } from '#operator/sync-job/names.ts'
import { built, compiled, worker } from '../sync-job/built.ts'

const named = (name: string): ReturnType<typeof compiled> => {
  const { job, plan } = compiled()
  return {
    job: { ...job, metadata: { ...job.metadata, name } },
    plan: { ...plan, job: { ...plan.job, name } },
  }
}

describe('The probe of a job', () => {
  it('is what its worker is, with other words', () => {
    const { job, children } = built()
    const probe = buildProbeJob([compiled()], worker, 1)
    const { template } = probe.spec
    expect(template.spec?.containers[0]?.args?.slice(0, 3)).to.deep.equal([
      'probe',
      '--plan',
      '/etc/sluice/plan/shop-to-lake.json',
    ])
    const pod = children.deployment.spec.template.spec!
    const others = (volumes: typeof pod.volumes): unknown =>
      volumes?.filter(({ name }) => !['plan', 'master-token'].includes(name))
    expect(others(template.spec?.volumes)).to.deep.equal(others(pod.volumes))
    for (const part of ['serviceAccountName', 'securityContext', 'automountServiceAccountToken'] as const)
      expect(template.spec?.[part], part).to.deep.equal(pod[part])
    expect(probe.metadata.ownerReferences?.[0]?.name).to.equal(job.metadata.name)
    expect(template.metadata?.labels).to.deep.equal(labelsOf('shop-to-lake', 'probe'))
  })

  it('has the plans of all jobs that it looks for, as they are for their workers, and says whom it looks for', () => {
    const { children } = built()
    const probe = buildProbeJob([compiled(), named('other')], worker, 1)
    const { spec } = probe.spec.template
    expect(spec?.containers[0]?.args).to.deep.equal([
      'probe',
      '--plan',
      '/etc/sluice/plan/shop-to-lake.json',
      '--plan',
      '/etc/sluice/plan/other.json',
      '--secrets',
      '/etc/sluice/secrets',
      '--report',
      '/dev/termination-log',
    ])
    const sources = spec?.volumes?.find(({ name }) => name === 'plan')?.projected?.sources ?? []
    expect(sources[0]?.configMap?.name).to.equal(children.plan.metadata.name)
    expect(sources.map(({ configMap }) => configMap?.items)).to.deep.equal([
      [{ key: 'plan.json', path: 'shop-to-lake.json' }],
      [{ key: 'plan.json', path: 'other.json' }],
    ])
    expect(probedJobs(probe)).to.deep.equal(['shop-to-lake', 'other'])
  })

  it('ends soon, is not tried again by Kubernetes, and goes by itself', () => {
    const { backoffLimit, activeDeadlineSeconds, ttlSecondsAfterFinished } = buildProbeJob(
      [compiled()],
      worker,
      1,
    ).spec
    expect([backoffLimit, activeDeadlineSeconds, ttlSecondsAfterFinished]).to.deep.equal([0, 120, 60])
  })

  it('has another name each time', () => {
    const names = [1, 2].map(nowMs => buildProbeJob([compiled()], worker, nowMs).metadata.name)
    expect(names[0]).to.match(/^shop-to-lake-probe-[0-9a-f]{10}$/)
    expect(names[1]).to.not.equal(names[0])
  })

  const ended = (type: 'Complete' | 'Failed' | null): Job => ({
    ...buildProbeJob([compiled()], worker, 1),
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
      expect(endedProbe(job, pods)?.outcomes.get('shop-to-lake') ?? null).to.deep.equal(expected)
    })

  it('does not know why it failed before its pod is seen to have ended', () => {
    const job = ended('Failed')
    expect(endedProbe(job, [])?.isExplained).to.equal(false)
    expect(endedProbe(job, [podOf(job, 1)])?.isExplained).to.equal(true)
  })

  describe('of several jobs', () => {
    const job = buildProbeJob(['a', 'b', 'c', 'd'].map(named), worker, 1)
    const outcomes = (exitCode: number, message: string, reason = 'Error'): object => {
      const pod = podOf(job, exitCode, message)
      pod.status!.containerStatuses![0]!.state!.terminated!.reason = reason
      return Object.fromEntries(endedProbe(job, [pod])!.outcomes)
    }
    const report = probeReportText([
      'nothing',
      { unread: '3 records wait.' },
      { failed: 'It is away.' },
      'later',
    ])

    it('says of each what it saw, and nothing of one that it did not come to', () => {
      expect(outcomes(10, report)).to.deep.equal({
        a: { kind: 'nothing' },
        b: { kind: 'unread', what: '3 records wait.' },
        c: { kind: 'failed', complaint: 'It is away.' },
      })
    })

    it('says with which of them it ended for want of memory', () => {
      const complaint = 'It is away. (OOMKilled)'
      expect(outcomes(137, report, 'OOMKilled')).to.deep.include({ c: { kind: 'failed', complaint } })
    })

    it('wakes all of them where it found something and nobody can read for whom', () => {
      const kinds = Object.values(outcomes(10, report.slice(0, -5))).map(({ kind }) => kind)
      expect(kinds).to.deep.equal(['unread', 'unread', 'unread', 'unread'])
    })
  })

  it('of an operator of before is that of its owner', () => {
    const { annotations: _, ...metadata } = ended(null).metadata
    const old = { ...ended(null), metadata }
    expect(
      Object.fromEntries(endedProbe(old, [podOf(old, 10, log('3 records wait.'))])!.outcomes),
    ).to.deep.equal({
      'shop-to-lake': { kind: 'unread', what: '3 records wait.' },
    })
  })
})
