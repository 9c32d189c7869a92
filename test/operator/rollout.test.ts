import { expect } from 'chai'
import { systemClock } from '#common/clock.ts'
import type { EventObject } from '#operator/kube/events.ts'
import type { KubeObject } from '#operator/kube/object.ts'
import type { Job, NetworkPolicy } from '#operator/resources.ts'
import { labelsOf } from '#operator/sync-job/names.ts'
import { planNameOf } from '#operator/sync-job/observe.ts'
import { eventually } from './manual-clock.ts'
import { at, operatorBed } from './operator-bed.ts'
import { collections, lake, shopDb, shopToLake } from './sync-job/fixtures.ts'

describe('Workers of another plan', () => {
  const bed = operatorBed()
  const { start, create, deployment, condition, edit, startPod, isReady } = bed

  const planOf = (): string | undefined => planNameOf(deployment()!.spec.template)
  const checks = (): Job[] =>
    (bed.server.store.list(collections.jobs) as Job[]).filter(({ metadata }) =>
      metadata.name.includes('-check-'),
    )
  const rolledOut = (): string | undefined => condition('RolledOut')
  const told = (): (string | undefined)[] =>
    (bed.server.store.list(collections.events) as EventObject[]).map(
      ({ action, reason }) => `${action} ${reason}`,
    )

  const endCheck = (type: 'Complete' | 'Failed', reason?: string): void => {
    const [check] = checks()
    const status = { conditions: [{ type, status: 'True', ...(reason !== undefined && { reason }) }] }
    bed.server.store.update(collections.jobs, { ...check, status } as Job, 'status')
  }

  /** What a kubelet tells of a pod of the check that failed. */
  const failCheckPod = (message: string): void => {
    const [check] = checks()
    const labels = { ...check?.metadata.labels, 'batch.kubernetes.io/job-name': check?.metadata.name }
    bed.server.store.create(collections.pods, {
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { name: 'check-pod', namespace: 'shop', labels },
      spec: {},
      status: {
        phase: 'Failed',
        containerStatuses: [{ restartCount: 0, state: { terminated: { exitCode: 1, message } } }],
      },
    } as KubeObject)
  }

  /** Its node is gone, and no other has room. */
  const workerWithoutRoom = (): void => {
    const pod = bed.server.store.get(collections.pods, 'shop', 'pod-1')
    const status = { conditions: [{ type: 'PodScheduled', status: 'False', reason: 'Unschedulable' }] }
    bed.server.store.update(collections.pods, { ...pod, status } as KubeObject, 'status')
  }

  let before: string | undefined

  beforeEach(async () => {
    create(shopDb(), lake(), shopToLake())
    start({ checksMax: 1, networkPolicy: { readers: [], masters: [], egress: [] } })
    await eventually('a Deployment', () => deployment() !== undefined)
    startPod()
    await isReady('True Streaming')
    await eventually('it is rolled out', () => rolledOut() === 'True RolledOut')
    before = planOf()
  })

  const edited = async (): Promise<void> => {
    edit(collections.dataSources, 'shop-db', shopDb({ port: 6543 }).spec)
    await eventually('a check', () => checks().length === 1)
  }

  it('come when a check has passed, and the old plan goes when no pod has it', async () => {
    await edited()
    await eventually('it is said', () => rolledOut() === 'Unknown Checking')
    expect(planOf(), 'while it is checked').to.equal(before)
    endCheck('Complete')
    await eventually('another plan', () => planOf() !== before)
    await eventually('it is said', () => rolledOut() === 'Unknown Replacing')
    expect(bed.server.store.list(collections.configMaps)).to.have.length(2)
    bed.server.store.delete(collections.pods, 'shop', 'pod-1')
    await eventually('the old plan goes', () => bed.server.store.list(collections.configMaps).length === 1)
    expect(bed.server.store.list(collections.configMaps)[0]?.metadata.name).to.equal(planOf())
    startPod()
    await eventually('it is said', () => rolledOut() === 'True RolledOut')
  })

  it('do not come when the check says why not, until the spec is another', async () => {
    await edited()
    failCheckPod('sluice check: SOURCE_UNREACHABLE: nobody answers at shop-db:6543\nWhat to do: …')
    await eventually('it is said', () => rolledOut() === 'False SOURCE_UNREACHABLE')
    endCheck('Failed')
    bed.worker = new Error('busy')
    bed.server.store.update(
      collections.pods,
      {
        ...bed.server.store.get(collections.pods, 'shop', 'pod-1'),
        status: { conditions: [{ type: 'Ready', status: 'False' }] },
      } as KubeObject,
      'status',
    )
    await systemClock.sleep(150)
    expect(planOf(), 'though the worker was not ready for a moment').to.equal(before)
    expect(told()).to.include('RollOut SOURCE_UNREACHABLE')
    edit(collections.dataSources, 'shop-db', shopDb().spec)
    await eventually('it is as it was', () => rolledOut() === 'True RolledOut')
    expect(planOf()).to.equal(before)
  })

  it('may be checked under a network policy of their own, and come under theirs', async () => {
    const egress = (name: string): string => {
      const found = bed.server.store.find(collections.networkPolicies, 'shop', name)
      return JSON.stringify((found as NetworkPolicy | undefined)?.spec.egress)
    }
    edit(collections.dataSources, 'shop-db', shopDb({ host: '10.0.0.7' }).spec)
    await eventually('a check', () => checks().length === 1)
    expect(egress('shop-to-lake-check'), 'of the check').to.include('10.0.0.7/32')
    expect(egress('shop-to-lake-worker'), 'of the workers').to.not.include('10.0.0.7')
    endCheck('Complete')
    await eventually('the workers may, too', () => egress('shop-to-lake-worker').includes('10.0.0.7/32'))
  })

  it('wait for their check while those of other jobs run', async () => {
    const metadata = { name: 'other-check-1', namespace: 'elsewhere', labels: labelsOf('other', 'check') }
    const other = bed.server.store.create(collections.jobs, {
      apiVersion: 'batch/v1',
      kind: 'Job',
      metadata,
      spec: {},
    } as KubeObject)
    const own = (): Job[] => checks().filter(({ metadata: { namespace } }) => namespace === 'shop')
    await systemClock.sleep(100)
    edit(collections.dataSources, 'shop-db', shopDb({ port: 6543 }).spec)
    await eventually('it is said', () => rolledOut() === 'Unknown CheckWaiting')
    await systemClock.sleep(150)
    expect([own(), planOf()]).to.deep.equal([[], before])
    const status = { conditions: [{ type: 'Failed', status: 'True' }] }
    bed.server.store.update(collections.jobs, { ...other, status } as KubeObject, 'status')
    await eventually('a check', () => own().length === 1)
    await eventually('it is said', () => rolledOut() === 'Unknown Checking')
  })

  it('are checked again when the failed check is gone', async () => {
    await edited()
    endCheck('Failed')
    await eventually('it is said', () => rolledOut() === 'False CheckFailed')
    const [first] = checks()
    bed.server.store.delete(collections.jobs, 'shop', first!.metadata.name)
    await eventually(
      'another check',
      () => (checks()[0]?.metadata.uid ?? first?.metadata.uid) !== first?.metadata.uid,
    )
    endCheck('Complete')
    await eventually('another plan', () => planOf() !== before)
  })

  it('do not come either when the check says why not while no worker has room', async () => {
    workerWithoutRoom()
    await isReady('False Unschedulable')
    await edited()
    failCheckPod('sluice check: TABLE_NOT_FOUND: shop-db has no table public.ordres\nWhat to do: …')
    await eventually('it is said', () => rolledOut() === 'False TABLE_NOT_FOUND')
    endCheck('Failed')
    await systemClock.sleep(150)
    expect([planOf(), condition('Ready')]).to.deep.equal([before, 'False Unschedulable'])
  })

  it('mend workers that do not work, when the check has passed', async () => {
    bed.server.store.delete(collections.pods, 'shop', 'pod-1')
    await isReady('False WorkerStarting')
    await edited()
    expect(planOf(), 'while it is checked').to.equal(before)
    endCheck('Complete')
    await eventually('another plan', () => planOf() !== before)
  })

  it('come without a check that is kept out until its deadline, where no worker works', async () => {
    workerWithoutRoom()
    await isReady('False Unschedulable')
    await edited()
    endCheck('Failed', 'DeadlineExceeded')
    await eventually('another plan', () => planOf() !== before)
  })

  it('are not what a restart makes', async () => {
    edit(collections.syncJobs, 'shop-to-lake', { restart: 'now' })
    await eventually(
      'another template',
      () => deployment()?.spec.template.metadata?.annotations?.['sluice.dev/restart'] === 'now',
    )
    expect([checks(), planOf()]).to.deep.equal([[], before])
  })

  it('never ran, so a teardown goes by the plan of those that did', async () => {
    await edited()
    endCheck('Failed')
    bed.server.store.delete(collections.syncJobs, ...at)
    bed.server.store.delete(collections.pods, 'shop', 'pod-1')
    const teardown = (): Job | undefined =>
      (bed.server.store.list(collections.jobs) as Job[]).find(({ metadata }) =>
        metadata.name.includes('-teardown-'),
      )
    await eventually('a teardown', () => teardown() !== undefined)
    expect(JSON.stringify(teardown()?.spec.template.metadata)).to.not.include('6543')
  })
})
