import { expect } from 'chai'
import type { Job, Pod } from '#operator/resources.ts'
import { checkComplaint, readComplaint } from '#operator/sync-job/check-job.ts'
import { built, worker } from './built.ts'

const check = (changes = {}, image = worker.image): Job => built(changes, { ...worker, image }).check

describe('buildCheckJob', () => {
  it('runs the image with the plan, the secrets and the identity of the workers it is about', () => {
    const { children } = built()
    const workers = children.deployment.spec.template.spec!
    const pod = check().spec.template.spec!
    expect(pod.containers[0]?.args).to.deep.equal([
      'check',
      '--plan',
      '/etc/sluice/plan/plan.json',
      '--secrets',
      '/etc/sluice/secrets',
    ])
    expect(pod.containers[0]?.image).to.equal(worker.image)
    for (const part of [
      'volumes',
      'serviceAccountName',
      'securityContext',
      'automountServiceAccountToken',
    ] as const)
      expect(pod[part], part).to.deep.equal(workers[part])
    for (const part of ['securityContext', 'volumeMounts', 'terminationMessagePolicy'] as const)
      expect(pod.containers[0]?.[part], part).to.deep.equal(workers.containers[0]?.[part])
    expect(pod.containers[0], 'nobody asks it').to.not.have.any.keys(
      'livenessProbe',
      'readinessProbe',
      'ports',
    )
  })

  it('does not speak to the master: it reads nothing, and its command knows of none', () => {
    const image = { ...worker, masterUrl: 'http://sluice-operator-master.sluice-system.svc:9465' }
    const { children, check: withMaster } = built({}, image)
    const workers = children.deployment.spec.template.spec!
    expect(workers.containers[0]?.args).to.include('--master')
    expect(withMaster).to.deep.equal(check())
    expect(withMaster.spec.template.spec?.volumes).to.have.length(workers.volumes!.length - 1)
  })

  it('has another name for another plan or image, and for a namesake of the job', () => {
    const names = [check(), check({ freshness: '7s' }), check({}, 'sluice:2')].map(
      ({ metadata }) => metadata.name,
    )
    expect(new Set(names).size).to.equal(3)
    expect(check().metadata.name).to.equal(names[0])
    expect(names[0]).to.match(/^shop-to-lake-check-[0-9a-f]{10}$/)
    expect(check().metadata.ownerReferences?.[0]?.uid).to.equal('uid-1')
  })

  it('needs little room, and has the bounds of a worker', () => {
    const resources = { requests: { cpu: 4, memory: '8Gi' }, limits: { memory: '9Gi' } }
    expect(check({ worker: { resources } }).spec.template.spec?.containers[0]?.resources).to.deep.equal({
      requests: { cpu: '50m', memory: '64Mi' },
      limits: { memory: '9Gi' },
    })
  })
})

describe('checkComplaint', () => {
  const pod = (status: NonNullable<Pod['status']>, job = check().metadata.name): Pod => ({
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name: 'p', labels: { 'batch.kubernetes.io/job-name': job } },
    spec: { containers: [] },
    status,
  })
  const exited = (message: string): NonNullable<Pod['status']> => ({
    containerStatuses: [{ restartCount: 0, state: { terminated: { exitCode: 1, message } } }],
  })

  it('is what a pod of this check said before it ended', () => {
    const pods = [
      pod(exited('sluice check: TABLE_NOT_FOUND: no table a')),
      pod(exited('other'), 'other-check'),
    ]
    expect(checkComplaint(check(), pods)).to.deep.equal({ reason: 'TABLE_NOT_FOUND', message: 'no table a' })
    expect(checkComplaint(check(), pods.slice(1))).to.equal(null)
  })

  it('is what keeps its pod from running', () => {
    const waiting = { reason: 'ErrImagePull', message: 'no such image' }
    const pods = [pod({ containerStatuses: [{ restartCount: 0, state: { waiting } }] })]
    expect(checkComplaint(check(), pods)).to.deep.equal({
      reason: 'ImagePullBackOff',
      message: 'no such image',
    })
  })

  it('is what the Job says where no pod says anything', () => {
    const conditions = [{ type: 'Failed', status: 'True', reason: 'DeadlineExceeded', message: 'too long' }]
    expect(checkComplaint({ ...check(), status: { conditions } }, [])).to.deep.equal({
      reason: 'DeadlineExceeded',
      message: 'too long',
    })
    expect(checkComplaint(check(), [])).to.equal(null)
  })
})

describe('readComplaint', () => {
  it('finds the sentence between lines of log and advice', () => {
    const log = '{"level":"warn"}\nsluice check: SOURCE_AUTH_FAILED: refused: no\nWhat to do: correct it\n'
    expect(readComplaint(log)).to.deep.equal({ reason: 'SOURCE_AUTH_FAILED', message: 'refused: no' })
  })

  it('gives the last line of anything else', () => {
    expect(readComplaint('one\nexec: not found\n')).to.deep.equal({
      reason: 'CheckFailed',
      message: 'exec: not found',
    })
    expect(readComplaint('sluice check: something broke')).to.deep.equal({
      reason: 'CheckFailed',
      message: 'something broke',
    })
  })
})
