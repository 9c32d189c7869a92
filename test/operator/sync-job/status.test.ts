import { expect } from 'chai'
import fc from 'fast-check'
import type { SyncJobStatus } from '#api/sync-job.ts'
import { syncJobStatus } from '#api/sync-job.ts'
import type { WorkerStatus } from '#api/worker-status.ts'
import type { Pod } from '#operator/resources.ts'
import { readyCondition } from '#operator/sync-job/readiness.ts'
import type { Observed } from '#operator/sync-job/readiness.ts'
import { coarseLag, observedStatus, writeDue } from '#operator/sync-job/status.ts'

const said = (changes: Partial<WorkerStatus> = {}): Observed['reports'][number] => ({
  kind: 'status',
  status: {
    job: { namespace: 'shop', name: 'j' },
    phase: 'streaming',
    tables: [
      {
        name: 'public.a',
        rowsTotal: 5,
        lagMs: 100,
        lastCommit: 'x',
        lastCommitAt: '2026-01-01T00:00:05Z',
        state: 'streaming',
      },
      {
        name: 'public.b',
        rowsTotal: 7,
        lagMs: 3400,
        lastCommit: 'y',
        lastCommitAt: '2026-01-01T00:00:09Z',
        state: 'streaming',
      },
    ],
    lagMs: 3400,
    rowsTotal: 12,
    error: null,
    updatedAt: '2026-01-01T00:00:10Z',
    ...changes,
  },
})

const pod = (status: Pod['status'] = {}, deleting = false): Pod => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name: 'p', ...(deleting ? { deletionTimestamp: '2026-01-01T00:00:00Z' } : {}) },
  spec: { containers: [] },
  status,
})

const ready = { conditions: [{ type: 'Ready', status: 'True' }] }

const observed = (changes: Partial<Observed> = {}): Observed => ({
  refusal: null,
  suspended: false,
  asleep: null,
  complete: null,
  rolledOut: null,
  deployment: undefined,
  pods: [pod(ready)],
  reports: [said()],
  ...changes,
})

const containers = (state: object, lastState: object = {}): Pod['status'] => ({
  containerStatuses: [{ restartCount: 0, state, lastState }],
})

describe('readyCondition', () => {
  const cases: { name: string; observed: Partial<Observed>; expected: [string, string]; message?: string }[] =
    [
      { name: 'streaming', observed: {}, expected: ['True', 'Streaming'] },
      {
        name: 'copying',
        observed: { reports: [said({ phase: 'snapshot' })] },
        expected: ['True', 'Snapshotting'],
      },
      {
        name: 'copying, by one of several workers, while another starts',
        observed: {
          reports: [
            said({ phase: 'starting', tables: [] }),
            said({ phase: 'streaming', tables: [] }),
            said({ phase: 'snapshot' }),
          ],
        },
        expected: ['True', 'Snapshotting'],
        message: '2 tables',
      },
      {
        name: 'streaming, by several workers of the same tables',
        observed: { reports: [said({ phase: 'stopped' }), said()] },
        expected: ['True', 'Streaming'],
        message: '2 tables',
      },
      {
        name: 'suspended',
        observed: { suspended: true, reports: [], pods: [] },
        expected: ['False', 'Suspended'],
      },
      {
        name: 'idle, also while its last worker ends',
        observed: {
          asleep: 'Nothing came in.',
          reports: [said({ phase: 'stopped' })],
          pods: [pod(ready, true)],
        },
        expected: ['True', 'Idle'],
        message: 'Nothing came in.',
      },
      {
        name: 'idle and suspended',
        observed: { asleep: 'Nothing came in.', suspended: true, reports: [], pods: [] },
        expected: ['False', 'Suspended'],
      },
      {
        name: 'a spec that cannot be carried out, whatever the old workers do',
        observed: { refusal: { reason: 'SPEC_INVALID', message: 'no such field' } },
        expected: ['False', 'SPEC_INVALID'],
      },
      {
        name: 'an error the worker tells',
        observed: {
          reports: [said({ phase: 'failing', error: { code: 'SECRET_MISSING', message: 'no key x' } })],
        },
        expected: ['False', 'SECRET_MISSING'],
        message: 'no key x',
      },
      {
        name: 'a worker that does not answer',
        observed: { reports: [{ kind: 'unreachable', message: 'timeout' }] },
        expected: ['Unknown', 'WorkerUnreachable'],
      },
      { name: 'no pod yet', observed: { reports: [], pods: [] }, expected: ['False', 'WorkerStarting'] },
      {
        name: 'no node for the pod',
        observed: {
          reports: [],
          pods: [
            pod({
              conditions: [
                { type: 'PodScheduled', status: 'False', reason: 'Unschedulable', message: '0/3 nodes' },
              ],
            }),
          ],
        },
        expected: ['False', 'Unschedulable'],
        message: '0/3 nodes',
      },
      {
        name: 'no image, in either word for it',
        observed: {
          reports: [],
          pods: [pod(containers({ waiting: { reason: 'ErrImagePull', message: 'not found' } }))],
        },
        expected: ['False', 'ImagePullBackOff'],
        message: 'not found',
      },
      {
        name: 'a worker that crashes, with the last line of its log',
        observed: {
          reports: [],
          pods: [
            pod(
              containers(
                { waiting: { reason: 'CrashLoopBackOff', message: 'back-off 10s' } },
                { terminated: { exitCode: 1, message: 'one\nthe cause\n' } },
              ),
            ),
          ],
        },
        expected: ['False', 'CrashLoopBackOff'],
        message: 'exit code 1: the cause',
      },
      {
        name: 'pods that may not be made',
        observed: {
          reports: [],
          pods: [],
          deployment: {
            apiVersion: 'apps/v1',
            kind: 'Deployment',
            metadata: { name: 'd' },
            spec: { selector: {}, template: {} },
            status: {
              conditions: [
                { type: 'ReplicaFailure', status: 'True', reason: 'FailedCreate', message: 'quota' },
              ],
            },
          },
        },
        expected: ['False', 'FailedCreate'],
        message: 'quota',
      },
      {
        name: 'a copy that is done',
        observed: { complete: true, reports: [], pods: [] },
        expected: ['True', 'Completed'],
      },
    ]
  for (const { name, observed: changes, expected, message } of cases)
    it(`tells ${name}`, () => {
      const condition = readyCondition(observed(changes))
      expect([condition.status, condition.reason]).to.deep.equal(expected)
      if (message !== undefined) expect(condition.message).to.contain(message)
    })
})

describe('observedStatus', () => {
  const context = { generation: 3, nowMs: 1000, selector: 'a=b', resync: undefined }

  it('says what was observed, in the form the schema asks for', () => {
    const status = observedStatus(observed(), undefined, context)
    expect(syncJobStatus.parse(status)).to.deep.equal(status)
    expect(status).to.deep.include({
      observedGeneration: 3,
      replicas: 1,
      readyReplicas: 1,
      tables: 2,
      rows: 12,
      lag: '3s',
      lastCommitTime: '2026-01-01T00:00:09Z',
      selector: 'a=b',
    })
  })

  it('does not count pods that are going', () => {
    const status = observedStatus(observed({ pods: [pod(ready, true)] }), undefined, context)
    expect(status).to.deep.include({ replicas: 0, readyReplicas: 0 })
  })

  it('does not repeat what no worker says any more, except when the last commit was', () => {
    const before = observedStatus(observed(), undefined, context)
    const after = observedStatus(observed({ reports: [], pods: [] }), before, context)
    expect(after).to.not.have.any.keys('lag', 'rows', 'tables')
    expect(after.lastCommitTime).to.equal('2026-01-01T00:00:09Z')
  })

  it('keeps the counts of a job that is idle', () => {
    const before = observedStatus(observed(), undefined, context)
    const idle = { asleep: 'Nothing came in.', reports: [], pods: [] }
    const { tables, rows, lag, replicas } = observedStatus(observed(idle), before, context)
    expect([tables, rows, lag, replicas]).to.deep.equal([2, 12, undefined, 0])
  })

  it('keeps the counts of a copy that is done', () => {
    const before = observedStatus(observed({ complete: false }), undefined, context)
    const after = observedStatus(observed({ complete: true, reports: [], pods: [] }), before, context)
    expect(after).to.deep.include({ rows: 12, tables: 2 })
    expect(after.conditions?.map(({ type, status }) => [type, status])).to.deep.equal([
      ['Ready', 'True'],
      ['Complete', 'True'],
    ])
  })
})

describe('the condition Throttled', () => {
  const context = { generation: 1, nowMs: 1000, selector: 'a=b', resync: undefined }
  const after = (previous: SyncJobStatus | undefined, reports: Observed['reports']): SyncJobStatus =>
    observedStatus(observed({ reports }), previous, context)
  const throttled = (status: SyncJobStatus): string | undefined => {
    const condition = status.conditions?.find(({ type }) => type === 'Throttled')
    return condition && `${condition.status} ${condition.reason}`
  }

  it('is there once a limit held the job back, and says when it does not any more', () => {
    const free = after(undefined, [said({ throttledBy: null })])
    expect(throttled(free), 'never throttled').to.equal(undefined)
    const held = after(free, [said(), said({ throttledBy: 'bytes' })])
    expect(throttled(held)).to.equal('True BytesPerSecond')
    expect(writeDue(free, held, 0)).to.equal('now')
    expect(throttled(after(free, [said({ throttledBy: 'queries' })]))).to.equal('True QueriesInFlight')
    expect(throttled(after(free, [said({ throttledBy: 'connections' })]))).to.equal('True Connections')
    expect(throttled(after(held, [])), 'nobody speaks').to.equal('True BytesPerSecond')
    expect(throttled(after(held, [said({ throttledBy: null })]))).to.equal('False WithinLimits')
  })
})

describe('writeDue', () => {
  const context = { generation: 1, nowMs: 1000, selector: 'a=b', resync: undefined }
  const status = (changes: Partial<WorkerStatus> = {}): SyncJobStatus =>
    observedStatus(observed({ reports: [said(changes)] }), undefined, context)

  it('never writes what is there already', () => {
    expect(writeDue(status(), status({ lagMs: 3700 }), Infinity)).to.equal('never')
  })

  it('lets lag wait ten seconds and counters a minute', () => {
    const [lagged, counted] = [status({ lagMs: 60_000 }), status({ rowsTotal: 13 })]
    expect(writeDue(status(), lagged, 9999)).to.equal('later')
    expect(writeDue(status(), lagged, 10_000)).to.equal('now')
    expect(writeDue(status(), counted, 59_999)).to.equal('later')
    expect(writeDue(status(), counted, 60_000)).to.equal('now')
  })

  it('writes at once what a person may have to act on', () => {
    expect(writeDue(undefined, status(), Infinity)).to.equal('now')
    const failing = status({ phase: 'failing', error: { code: 'SOURCE_UNREACHABLE', message: 'x' } })
    expect(writeDue(status(), failing, 0)).to.equal('now')
  })
})

describe('coarseLag', () => {
  it('is a step that is not above the lag, and few steps for many lags', () => {
    fc.assert(
      fc.property(fc.nat(10 * 3600_000), lagMs => {
        expect(syncJobStatus.shape.lag.safeParse(coarseLag(lagMs)).success).to.equal(true)
      }),
    )
    const steps = new Set(Array.from({ length: 3600 }, (_, second) => coarseLag(second * 1000)))
    expect(steps.size).to.be.at.most(20)
    expect([400, 3400, 3_700_000].map(coarseLag)).to.deep.equal(['0s', '3s', '1h'])
  })
})
