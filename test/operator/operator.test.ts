import { expect } from 'chai'
import { systemClock } from '#common/clock.ts'
import type { Plan } from '#api/plan.ts'
import type { WorkerStatus } from '#api/worker-status.ts'
import type { EventObject } from '#operator/kube/events.ts'
import type { KubeObject } from '#operator/kube/object.ts'
import type { ConfigMap } from '#operator/resources.ts'
import type { Json } from './fake-api-store.ts'
import { eventually } from './manual-clock.ts'
import { at, operatorBed, workerAt } from './operator-bed.ts'
import { collections, lake, shopDb, shopToLake } from './sync-job/fixtures.ts'

describe('Operator', () => {
  const bed = operatorBed()
  const { start, create, job, deployment, condition, ready, edit, startPod, isReady } = bed

  it('makes the workers of a job and tells how they do', async () => {
    create(shopDb(), lake(), shopToLake())
    start()
    await eventually('a Deployment', () => deployment() !== undefined)
    await isReady('False WorkerStarting')
    startPod()
    await isReady('True Streaming')
    expect(job().status).to.deep.include({ replicas: 1, readyReplicas: 1, rows: 10, lag: '0s' })
    expect(job().metadata.finalizers).to.deep.equal(['sluice.dev/teardown'])
    for (const collection of [collections.serviceAccounts, collections.disruptionBudgets])
      expect(bed.server.store.find(collection, ...workerAt)).to.not.equal(undefined)
  })

  it('says which resource keeps a job from running, and goes on when it is there', async () => {
    create(lake(), shopToLake())
    start()
    await isReady('False SPEC_INVALID')
    expect(job().status?.conditions?.[0]?.message).to.contain('there is no DataSource "shop-db"')
    expect(deployment()).to.equal(undefined)
    create(shopDb())
    await eventually('a Deployment', () => deployment() !== undefined)
  })

  it('lets the workers of the last valid spec go on when a spec is broken', async () => {
    create(shopDb(), lake(), shopToLake())
    start()
    await eventually('a Deployment', () => deployment() !== undefined)
    startPod()
    await isReady('True Streaming')
    edit(collections.syncJobs, 'shop-to-lake', { freshnes: '3s' })
    await isReady('False SPEC_INVALID')
    expect(job().status?.conditions?.[0]?.message).to.contain('did you mean `freshness`?')
    expect(deployment()?.spec.replicas).to.equal(1)
    expect(job().status?.readyReplicas).to.equal(1)
  })

  it('refuses a job of several workers where nobody would tell them what to read', async () => {
    create(shopDb(), lake(), shopToLake({ autoscaling: { minReplicas: 2, maxReplicas: 2 } }))
    start()
    await isReady('False SPEC_INVALID')
    expect(job().status?.conditions?.[0]?.message).to.contain('--master-url')
    expect(deployment()).to.equal(undefined)
  })

  it('makes as many workers as the job has at least', async () => {
    create(shopDb(), lake(), shopToLake({ autoscaling: { minReplicas: 2, maxReplicas: 3 } }))
    start({ masterUrl: 'http://master:9465' })
    await eventually('two workers', () => deployment()?.spec.replicas === 2)
    edit(collections.syncJobs, 'shop-to-lake', { autoscaling: { minReplicas: 3, maxReplicas: 3 } })
    await eventually('three workers', () => deployment()?.spec.replicas === 3)
  })

  it('says of none that it is replaced while only their number changes', async () => {
    create(shopDb(), lake(), shopToLake({ autoscaling: { minReplicas: 1, maxReplicas: 3 } }))
    start({ masterUrl: 'http://master:9465' })
    await eventually('a Deployment', () => deployment() !== undefined)
    startPod()
    await eventually('it is rolled out', () => condition('RolledOut') === 'True RolledOut')
    edit(collections.syncJobs, 'shop-to-lake', { autoscaling: { minReplicas: 3, maxReplicas: 3 } })
    await eventually('three workers', () => deployment()?.spec.replicas === 3)
    await systemClock.sleep(150)
    expect(condition('RolledOut')).to.equal('True RolledOut')
  })

  it('makes the other workers when the one that had the job for itself has ended', async () => {
    create(shopDb(), lake(), shopToLake())
    start({ masterUrl: 'http://master:9465' })
    await eventually('a Deployment', () => deployment() !== undefined)
    startPod()
    await isReady('True Streaming')
    edit(collections.syncJobs, 'shop-to-lake', { autoscaling: { minReplicas: 3, maxReplicas: 3 } })
    const args = () => deployment()?.spec.template.spec?.containers[0]?.args
    await eventually('a worker that shares', () => args()?.includes('--shared') === true)
    expect(deployment()?.spec.replicas).to.equal(1)
    bed.server.store.delete(collections.pods, 'shop', 'pod-1')
    await eventually('three of them', () => deployment()?.spec.replicas === 3)
  })

  it('stops the workers of a suspended job and starts them again', async () => {
    create(shopDb(), lake(), shopToLake())
    start()
    await eventually('a Deployment', () => deployment()?.spec.replicas === 1)
    edit(collections.syncJobs, 'shop-to-lake', { suspend: true })
    await isReady('False Suspended')
    expect(deployment()?.spec.replicas).to.equal(0)
    edit(collections.syncJobs, 'shop-to-lake', { suspend: false })
    await eventually('a worker again', () => deployment()?.spec.replicas === 1)
  })

  it('tells how far a resync is, and carries it into the plan', async () => {
    create(shopDb(), lake(), shopToLake({ resync: { id: 'one', tables: ['public.orders'] } }))
    start()
    const resync = () => bed.job().status?.resync
    await eventually('it is pending', () => resync()?.phase === 'Pending')
    const [plan] = bed.server.store.list(collections.configMaps) as ConfigMap[]
    const asked = (JSON.parse(plan!.data!['plan.json']!) as Plan).resync
    expect(asked).to.deep.equal({ id: 'one', tables: ['public.orders'] })
    const said = bed.worker as WorkerStatus
    bed.worker = { ...said, resync: { id: 'one', tables: 1, left: ['public.orders'] } }
    startPod()
    await eventually('it is read', () => resync()?.phase === 'Reading' && resync()?.tablesDone === 0)
    bed.worker = { ...said, resync: { id: 'one', tables: 1, left: [] } }
    await eventually('it is done', () => resync()?.phase === 'Done' && resync()?.tablesDone === 1)
  })

  it('scales a copy that is done down to nothing, once', async () => {
    create(shopDb(), lake(), shopToLake({ mode: 'snapshot' }))
    start()
    await eventually('a Deployment', () => deployment() !== undefined)
    startPod({
      containerStatuses: [
        {
          restartCount: 1,
          state: { waiting: { reason: 'CrashLoopBackOff' } },
          lastState: { terminated: { exitCode: 0 } },
        },
      ],
    })
    await isReady('True Completed')
    await eventually('no workers', () => deployment()?.spec.replicas === 0)
    bed.server.store.delete(collections.pods, 'shop', 'pod-1')
    await systemClock.sleep(200)
    expect(deployment()?.spec.replicas).to.equal(0)
    expect(ready()).to.equal('True Completed')
  })

  it('puts right what somebody else did to the workers', async () => {
    create(shopDb(), lake(), shopToLake())
    start()
    await eventually('a Deployment', () => deployment() !== undefined)
    edit(collections.deployments, workerAt[1], { replicas: 5 })
    await eventually('one worker', () => deployment()?.spec.replicas === 1)
    bed.server.store.delete(collections.deployments, ...workerAt)
    await eventually('a Deployment again', () => deployment() !== undefined)
  })

  it('does not take over what belongs to somebody else', async () => {
    bed.server.store.create(collections.deployments, {
      apiVersion: 'apps/v1',
      kind: 'Deployment',
      metadata: { name: workerAt[1], namespace: 'shop' },
      spec: { replicas: 3 },
    } as KubeObject)
    create(shopDb(), lake(), shopToLake())
    start()
    await isReady('False NAME_TAKEN')
    expect((deployment() as unknown as { spec: Json }).spec).to.deep.equal({ replicas: 3 })
  })

  it('writes nothing while nothing happens', async () => {
    create(shopDb(), lake(), shopToLake())
    start()
    await eventually('a Deployment', () => deployment() !== undefined)
    startPod()
    await isReady('True Streaming')
    await systemClock.sleep(100)
    const before = bed.server.writes.length
    await systemClock.sleep(600)
    expect(bed.server.writes.slice(before)).to.deep.equal([])
  })

  it('tells each turn once in the events', async () => {
    create(shopDb(), lake(), shopToLake())
    start()
    await eventually('a Deployment', () => deployment() !== undefined)
    startPod()
    await isReady('True Streaming')
    bed.worker = {
      ...(bed.worker as WorkerStatus),
      phase: 'failing',
      error: { code: 'SOURCE_AUTH_FAILED', message: 'refused' },
    }
    await isReady('False SOURCE_AUTH_FAILED')
    await eventually('the events', () => bed.server.store.list(collections.events).length >= 3)
    const told = (bed.server.store.list(collections.events) as EventObject[])
      .toSorted((a, b) => (a.eventTime < b.eventTime ? -1 : 1))
      .map(({ type, reason }) => `${type} ${reason}`)
    expect(told).to.have.members(['Normal WorkerStarting', 'Normal Streaming', 'Warning SOURCE_AUTH_FAILED'])
  })

  describe('deletion', () => {
    const deleteJob = (): void => void bed.server.store.delete(collections.syncJobs, ...at)
    const gone = (): boolean => bed.server.store.find(collections.syncJobs, ...at) === undefined
    const teardown = (): KubeObject | undefined => bed.server.store.list(collections.jobs)[0]
    const reasons = (): string[] =>
      (bed.server.store.list(collections.events) as EventObject[]).map(({ reason }) => reason)

    const endTeardown = (type: string): void => {
      const made = teardown()
      if (made === undefined) throw new Error('no teardown Job')
      bed.server.store.update(
        collections.jobs,
        { ...made, status: { conditions: [{ type, status: 'True' }] } } as KubeObject,
        'status',
      )
    }

    beforeEach(async () => {
      create(shopDb(), lake(), shopToLake())
    })

    it('waits for the workers, tears down, and lets the job go with all it owned', async () => {
      start()
      await eventually('a Deployment', () => deployment() !== undefined)
      startPod()
      await isReady('True Streaming')
      deleteJob()
      await eventually('no Deployment', () => deployment() === undefined)
      await systemClock.sleep(150)
      expect(teardown(), 'not before the worker has ended').to.equal(undefined)
      bed.server.store.delete(collections.pods, 'shop', 'pod-1')
      await eventually('a teardown Job', () => teardown() !== undefined)
      expect(gone()).to.equal(false)
      endTeardown('Complete')
      await eventually('gone', gone)
      expect(bed.server.store.list(collections.configMaps)).to.deep.equal([])
      await eventually('the event', () => reasons().includes('TornDown'))
      expect(bed.server.store.list(collections.jobs)).to.have.length(1)
    })

    it('tears down though the DataSource was deleted first', async () => {
      start()
      await eventually('a Deployment', () => deployment() !== undefined)
      bed.server.store.delete(collections.dataSources, 'shop', 'shop-db')
      deleteJob()
      await eventually('a teardown Job', () => teardown() !== undefined)
      endTeardown('Complete')
      await eventually('gone', gone)
    })

    it('ends by the deadline, and says what may be left', async () => {
      start({ teardownDeadlineMs: 600 })
      await eventually('a Deployment', () => deployment() !== undefined)
      deleteJob()
      await eventually('gone', gone)
      await eventually('the event', () => reasons().includes('TeardownAbandoned'))
    })

    it('ends when the teardown has failed for good', async () => {
      start()
      await eventually('a Deployment', () => deployment() !== undefined)
      deleteJob()
      await eventually('a teardown Job', () => teardown() !== undefined)
      endTeardown('Failed')
      await eventually('gone', gone)
      await eventually('the event', () => reasons().includes('TeardownAbandoned'))
    })

    it('ends at once in a namespace that is being deleted', async () => {
      start()
      await eventually('a Deployment', () => deployment() !== undefined)
      bed.server.faults = ({ method, path }) =>
        method === 'POST' && path.endsWith('/jobs')
          ? {
              kind: 'status',
              status: 403,
              text: JSON.stringify({
                kind: 'Status',
                code: 403,
                message: 'unable to create new content in namespace shop because it is being terminated',
              }),
            }
          : undefined
      deleteJob()
      await eventually('gone', gone)
    })

    it('ends at once for a job that never had workers', async () => {
      bed.server.store.delete(collections.dataSources, 'shop', 'shop-db')
      start()
      await isReady('False SPEC_INVALID')
      deleteJob()
      await eventually('gone', gone)
      expect(teardown()).to.equal(undefined)
    })
  })

  it('gets there through a bad API server', async function () {
    this.timeout(40_000)
    let asked = 0
    bed.server.faults = ({ isWatch }) => {
      asked++
      // Counted, not timed: on a busy machine no watch would live to bring an event.
      if (asked % 31 === 0) bed.server.breakWatches()
      if (asked % 7 === 0) return { kind: 'status', status: 500 }
      if (asked % 11 === 0) return { kind: 'status', status: 429, retryAfterSeconds: 0 }
      if (asked % 13 === 0) return { kind: 'reset' }
      return isWatch ? undefined : { kind: 'delay', ms: 2 }
    }
    bed.server.duplicateEvents = true
    bed.server.lateEvents = true
    create(shopDb(), lake(), shopToLake())
    start()
    await eventually('a Deployment', () => deployment() !== undefined)
    startPod()
    await isReady('True Streaming')
    bed.server.store.delete(collections.syncJobs, ...at)
    bed.server.store.delete(collections.pods, 'shop', 'pod-1')
    await eventually('a teardown Job', () => bed.server.store.list(collections.jobs).length === 1)
    const made = bed.server.store.list(collections.jobs)[0] as KubeObject
    bed.server.store.update(
      collections.jobs,
      { ...made, status: { conditions: [{ type: 'Complete', status: 'True' }] } } as KubeObject,
      'status',
    )
    await eventually('gone', () => bed.server.store.find(collections.syncJobs, ...at) === undefined)
  })
})
