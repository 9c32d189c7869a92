import { expect } from 'chai'
import type { Heartbeat, HeartbeatAnswer, SplitSpec } from '#api/heartbeat.ts'
import { createOperatorMetrics } from '#operator/metrics.ts'
import { observeShares } from '#operator/heartbeat/observe-shares.ts'
import type { KubeObject } from '#operator/kube/object.ts'
import { workerName } from '#operator/sync-job/names.ts'
import { ManualClock, eventually, settle } from '../manual-clock.ts'
import { collections } from '../sync-job/fixtures.ts'
import { MasterBed } from './master-bed.ts'

const splits = ['a', 'b', 'c', 'd'].map((id): SplitSpec => {
  return { id, tables: ['t'], bounded: false, stage: 1, weight: 1 }
})

describe('workers that share a job, and the master', () => {
  let bed: MasterBed
  let clock: ManualClock
  beforeEach(async () => {
    clock = new ManualClock()
    bed = await MasterBed.create({}, ['normal'], clock)
    bed.removePod('job-0-pod')
  })
  afterEach(() => bed.close())

  const shared = { shared: true }
  const sent = new Map<string, number>()

  /** What the worker of this pod is told when it holds so much. */
  function told(pod: string, held: string[], part: Partial<Heartbeat> = {}): HeartbeatAnswer {
    const number = (sent.get(pod) ?? 0) + 1
    sent.set(pod, number)
    const heartbeat: Heartbeat = {
      job: { namespace: 'shop', name: 'job-0' },
      worker: pod,
      startedAtMs: 1,
      number,
      term: 1,
      plan: '',
      capacity: 1,
      leaving: false,
      held: held.map(id => ({ id, draining: false, leased: true, lagMs: null })),
      finished: [],
      planned: null,
      leases: [],
      ...part,
    }
    const answer = bed.operator.answer(bed.identityOf(pod)!, heartbeat)
    if (answer === null || typeof answer === 'string') throw new Error(`${pod}: ${answer}`)
    return answer
  }
  const given = ({ splits: some }: HeartbeatAnswer): string[] | null =>
    some && some.map(({ id }) => id).toSorted()

  async function isKnown(pod: string): Promise<void> {
    await eventually(`${pod} in the cache`, () => bed.knows(pod))
  }

  it('are given a part each, and that of one that is gone', async () => {
    await bed.start(1)
    for (const name of ['one', 'two']) bed.startPod('job-0', { name, ...shared })
    await isKnown('two')
    expect(told('one', [])).to.deep.include({ splits: null, plans: true })
    expect(told('two', []).plans).to.equal(false)
    const first = given(told('one', [], { planned: splits }))!
    const rest = given(told('two', []))!
    expect([first.length, rest.length]).to.deep.equal([2, 2])
    const metrics = createOperatorMetrics()
    const text = (): Promise<string> => {
      observeShares(bed.operator.shares(), metrics)
      return metrics.expose()
    }
    expect(await text()).to.contain('sluice_operator_unread_splits{job="shop/job-0"} 0')
    expect([...first, ...rest].toSorted()).to.deep.equal(['a', 'b', 'c', 'd'])
    bed.removePod('one')
    await eventually('one is gone', () => !bed.knows('one'))
    expect(await text()).to.contain('sluice_operator_unread_splits{job="shop/job-0"} 2')
    expect(given(told('two', rest)), 'at once, since Kubernetes knows').to.deep.equal(['a', 'b', 'c', 'd'])
    expect(told('two', rest).plans).to.equal(true)
    const after = await text()
    expect(after).to.contain('sluice_operator_worker_splits{job="shop/job-0",worker="two"} 4')
    expect(after).to.contain('sluice_operator_splits_moved_total{job="shop/job-0",why="takeover"} 2')
    expect(after).to.contain('sluice_operator_splits_moved_total{job="shop/job-0",why="balance"} 0')
  })

  it('are given what a silent one held, though nobody else speaks meanwhile', async () => {
    await bed.start(1)
    for (const name of ['one', 'two']) bed.startPod('job-0', { name, ...shared })
    await isKnown('two')
    told('one', [])
    told('one', [], { planned: splits })
    await clock.advance(12_000)
    expect(given(told('two', []))).to.deep.equal(['a', 'b', 'c', 'd'])
  })

  it('keep what they hold under a new master, which waits for all that were there', async () => {
    for (const name of ['one', 'two']) bed.startPod('job-0', { name, ...shared })
    await bed.start(2)
    await isKnown('two')
    const before = { term: 1, planned: splits }
    expect(told('one', ['a', 'b', 'c'], before).splits, 'two may hold anything').to.equal(null)
    told('one', ['a', 'b', 'c'], { term: 2, planned: splits })
    expect(told('two', ['d'], { term: 1 }).splits).to.equal(null)
    expect(given(told('two', ['d'], { term: 2 }))).to.deep.equal(['d'])
  })

  it('begin anew when all are gone, with what the next planner finds', async () => {
    await bed.start(1)
    bed.startPod('job-0', { name: 'one', ...shared })
    await isKnown('one')
    told('one', [])
    expect(given(told('one', [], { planned: splits }))).to.have.length(4)
    bed.removePod('one')
    await eventually('one is gone', () => !bed.knows('one'))
    bed.startPod('job-0', { name: 'two', ...shared })
    await isKnown('two')
    expect(told('two', [])).to.deep.include({ splits: null, plans: true })
  })

  it('stand by while a worker still has the job for itself', async () => {
    await bed.start(1)
    bed.startPod('job-0', { name: 'alone' })
    bed.startPod('job-0', { name: 'one', ...shared })
    await isKnown('one')
    expect(told('one', [])).to.deep.include({ splits: [], plans: false })
    expect(told('alone', []), 'as ever').to.deep.include({ splits: null, plans: true })
    bed.removePod('alone')
    await eventually('alone is gone', () => !bed.knows('alone'))
    expect(told('one', []).plans).to.equal(true)
    expect(given(told('one', [], { planned: splits }))).to.have.length(4)
  })

  it('are given splits only if they have the plan that the Deployment has', async () => {
    bed.server.store.create(collections.deployments, {
      apiVersion: 'apps/v1',
      kind: 'Deployment',
      metadata: {
        name: workerName('job-0'),
        namespace: 'shop',
        labels: { 'app.kubernetes.io/managed-by': 'sluice-operator' },
      },
      spec: { template: { spec: { volumes: [{ name: 'plan', configMap: { name: 'new' } }] } } },
    } as unknown as KubeObject)
    await bed.start(1)
    bed.startPod('job-0', { name: 'old-one', plan: 'old', ...shared })
    bed.startPod('job-0', { name: 'new-one', plan: 'new', ...shared })
    await isKnown('new-one')
    told('old-one', [])
    expect(told('new-one', []).plans).to.equal(true)
    expect(given(told('old-one', []))).to.equal(null)
    expect(given(told('new-one', [], { planned: splits }))).to.have.length(4)
    await clock.advance(8_000)
    expect(given(told('old-one', []))).to.deep.equal([])
  })

  it('are forgotten with their job', async () => {
    await bed.start(1)
    bed.startPod('job-0', { name: 'one', ...shared })
    await isKnown('one')
    told('one', [])
    expect(bed.operator.shares().size).to.equal(1)
    bed.server.store.delete(collections.syncJobs, 'shop', 'job-0')
    await eventually('no job', async () => {
      await settle()
      return bed.operator.shares().size === 0
    })
  })
})
