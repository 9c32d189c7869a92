import { expect } from 'chai'
import { existsSync } from 'node:fs'
import { run } from '#cli/kube/explain.ts'
import { explainedReasons, explainReason } from '#cli/kube/reasons.ts'
import { errorCodes } from '#common/error-codes.ts'
import type { KubeObject } from '#operator/kube/object.ts'
import { labelsOf } from '#operator/sync-job/names.ts'
import { collections } from '#test/operator/sync-job/fixtures.ts'
import { condition, KubeTestBed, podPath, runningPod, statusPath } from './cluster.ts'

const pod = 'shop-to-lake-worker-66d4b-x7k2p'

/** What a worker says. */
const told = {
  job: { namespace: 'shop', name: 'shop-to-lake' },
  phase: 'streaming',
  tables: [],
  lagMs: null,
  rowsTotal: 0,
  error: null,
  updatedAt: '2026-01-01T00:16:40Z',
}

describe('kubectl sluice explain', () => {
  let bed: KubeTestBed

  beforeEach(async () => {
    bed = await KubeTestBed.start()
  })

  afterEach(() => bed.close())

  async function explain(): Promise<string> {
    expect(await run(['shop-to-lake'], bed.open)).to.equal(0)
    return bed.spoken.out
  }

  it('says what the job is for, how it does, and what that means', async () => {
    bed.putJob({
      conditions: [condition('Ready', 'True', 'Streaming', 'Every change of 3 tables is taken over.')],
      lag: '3s',
      rows: 1200,
    })
    bed.putDeployment()
    bed.putPod(pod)
    const text = await explain()
    expect(text).to.contain('keeps public.* of shop-db (postgres) in step in lake (hudi)')
    expect(text).to.contain(
      'Ready is True since 6m40s: Streaming\n    Every change of 3 tables is taken over.\n',
    )
    expect(text).to.contain('Means: The tables are copied, and changes are taken over as they happen.')
    expect(text).to.contain('wanted 1, there 1, ready 1')
    expect(text).to.contain('3s, no more than autoscaling.maxLag (60s); 1,200 rows since the workers started')
    expect(text).to.contain('limits of the pod: cpu 2, memory 1Gi')
    expect(text).to.contain('DataSource shop-db sets no limits')
  })

  it('says which of several workers reads what', async () => {
    bed.putJob({ conditions: [condition('Ready', 'True', 'Streaming', 'Every change is taken over.')] })
    bed.putDeployment({ spec: { replicas: 2, template: {} } })
    const shares = {
      [pod]: [11, 10, 2, 1, 3, 4, 5].map(partition => `clicks/${partition}`),
      'shop-to-lake-worker-66d4b-z': [],
    }
    for (const [name, splits] of Object.entries(shares)) {
      bed.putPod(name)
      bed.answer(statusPath(name), { ...told, splits })
    }
    const text = await explain()
    expect(text).to.contain('reads clicks/1, clicks/2, clicks/3, clicks/4, clicks/5, clicks/10 and 1 more')
    expect(text).to.contain('reads nothing: the others have it all')
  })

  it('says that an idle job has no worker, since when, and that all is well', async () => {
    const autoscaling = {
      desiredReplicas: 0,
      reason: 'Idle',
      message: 'There was no input for long, and all is in the target.',
      lastScaleTime: '2026-01-01T00:10:00Z',
      asleep: { since: '2026-01-01T00:10:00Z', spec: 'abc' },
    }
    bed.putJob(
      { conditions: [condition('Ready', 'True', 'Idle', 'Nothing came in for 5m or longer.')], autoscaling },
      { autoscaling: { minReplicas: 0, maxReplicas: 3 } },
    )
    bed.putDeployment({ spec: { replicas: 0, template: {} } })
    const text = await explain()
    expect(text).to.contain('Ready is True since 6m40s: Idle')
    expect(text).to.contain('Means: Nothing came in for long')
    expect(text).to.contain('wanted 0 (the job is idle), there 0, ready 0')
    expect(text).to.contain('the job may have 0 to 3 workers')
    expect(text).to.contain('last decision: 0 workers (Idle)')
    expect(text).to.contain('the last worker went 6m40s ago')
    expect(text).to.contain('not measured while no worker runs')
  })

  it('gives meaning, remedy and page of an error code', async () => {
    bed.putJob({ conditions: [condition('Ready', 'False', 'PG_SLOT_LOST', 'slot sluice_1 is gone')] })
    const text = await explain()
    expect(text).to.contain(`Next:  ${errorCodes.PG_SLOT_LOST.remedy}`)
    expect(text).to.contain('Page:  docs/reference/errors.md#pg_slot_lost')
  })

  it('names the job in what is to be typed next', async () => {
    bed.putJob(
      { conditions: [condition('Ready', 'False', 'Suspended', 'No workers run.')] },
      { suspend: true },
    )
    bed.putDeployment({ spec: { replicas: 0, template: {} } })
    const text = await explain()
    expect(text).to.contain('kubectl sluice resume shop-to-lake')
    expect(text).to.contain('wanted 0 (spec.suspend), there 0')
    expect(text).to.contain('not measured while no worker runs')
  })

  const stuck = [
    {
      name: 'an image that cannot be pulled',
      status: {
        phase: 'Pending',
        containerStatuses: [
          {
            restartCount: 0,
            state: { waiting: { reason: 'ErrImagePull', message: 'registry.example: 401' } },
          },
        ],
      },
      said: ['does not run: ImagePullBackOff: registry.example: 401', 'no credentials for the registry'],
    },
    {
      name: 'nodes that are full',
      status: {
        phase: 'Pending',
        conditions: [
          {
            type: 'PodScheduled',
            status: 'False',
            reason: 'Unschedulable',
            message: '0/3 nodes are available: 3 Insufficient memory.',
          },
        ],
      },
      said: ['does not run: Unschedulable: 0/3 nodes', 'lower spec.worker.resources'],
    },
    {
      name: 'too little memory',
      status: {
        phase: 'Running',
        containerStatuses: [
          {
            restartCount: 4,
            state: { waiting: { reason: 'CrashLoopBackOff' } },
            lastState: { terminated: { exitCode: 137, reason: 'OOMKilled' } },
          },
        ],
      },
      said: ['4 restarts', 'exit code 137: OOMKilled', 'Raise spec.worker.resources.limits.memory'],
    },
    {
      name: 'a failure of its own',
      status: {
        phase: 'Running',
        containerStatuses: [
          { restartCount: 1, state: { terminated: { exitCode: 1, message: 'first\nlast words' } } },
        ],
      },
      said: ['exit code 1: last words', 'kubectl sluice logs shop-to-lake --previous'],
    },
  ]
  for (const { name, status, said } of stuck)
    it(`says why a worker does not start: ${name}`, async () => {
      bed.putJob({ conditions: [condition('Ready', 'False', 'WorkerStarting', 'is being started')] })
      bed.putDeployment()
      bed.putPod(pod, status)
      const text = await explain()
      for (const part of said) expect(text).to.contain(part)
    })

  it('says that a quota keeps the pod from being made, in the words of the API server', async () => {
    bed.putJob({ conditions: [condition('Ready', 'False', 'WorkerStarting', 'is being started')] })
    bed.putDeployment()
    bed.putEvent(
      { kind: 'ReplicaSet', name: 'shop-to-lake-worker-66d4b8f5' },
      {
        type: 'Warning',
        reason: 'FailedCreate',
        message: 'pods "x" is forbidden: exceeded quota: small',
        count: 7,
      },
    )
    const text = await explain()
    expect(text).to.contain('no pod can be made:\n')
    expect(text).to.contain('does not run: FailedCreate: pods "x" is forbidden: exceeded quota: small')
    expect(text).to.contain('(7 times)')
  })

  it('tells the last events of the job and its workers, not those of others', async () => {
    bed.putJob({ conditions: [] })
    const at = (minute: number) => ({ lastTimestamp: `2026-01-01T00:${10 + minute}:00Z` })
    bed.putEvent(
      { kind: 'SyncJob', name: 'shop-to-lake' },
      { reason: 'Streaming', message: 'second', ...at(2) },
    )
    bed.putEvent({ kind: 'Pod', name: pod }, { reason: 'Pulled', message: 'first', ...at(1) })
    bed.putEvent(
      { kind: 'Pod', name: 'shop-to-lake-worker-worker-66d4b-x7k2p' },
      { reason: 'Other', message: 'no' },
    )
    bed.putEvent({ kind: 'SyncJob', name: 'shop' }, { reason: 'Other', message: 'no' })
    const text = await explain()
    expect(text).to.match(/first[^]*second/)
    expect(text).not.to.contain('Other')
  })

  it('says that the operator has not seen the job, or not its newest spec', async () => {
    bed.putJob({ observedGeneration: 0, conditions: [condition('Ready', 'True', 'Streaming', 'fine')] })
    expect(await explain()).to.contain('The spec is at generation 1; the operator has seen 0')
    bed.put('syncJobs', {
      apiVersion: 'sluice.dev/v1alpha1',
      kind: 'SyncJob',
      metadata: { name: 'new', namespace: 'shop' },
    })
    await run(['new'], bed.open)
    expect(bed.spoken.out).to.contain('The operator has not looked at it yet.')
  })

  it('shows limits and decisions whose fields it need not know', async () => {
    bed.putJob({
      conditions: [],
      autoscaling: { desiredReplicas: 3, reason: 'LagHigh', message: 'Why.', at: { lag: '90s' } },
      throttling: { recordsPerSecond: 500 },
    })
    const { store } = bed.server
    const shopDb = store.get(collections.dataSources, 'shop', 'shop-db') as KubeObject & { spec: object }
    store.update(collections.dataSources, {
      ...shopDb,
      spec: {
        ...shopDb.spec,
        protection: { limits: { recordsPerSecond: 1000, windows: [{ from: '08:00' }] } },
      },
    } as KubeObject)
    const text = await explain()
    expect(text).to.contain('DataSource shop-db limits reading: recordsPerSecond 1000, windows[0].from 08:00')
    expect(text).to.contain('now, of the job: throttling.recordsPerSecond 500')
    expect(text).to.match(/last decision: 3 workers \(LagHigh\)\n +Why\.\n +at.lag 90s/)
  })

  it('tells the last decision about the number of workers, and by which numbers', async () => {
    const autoscaling = {
      desiredReplicas: 4,
      reason: 'LagAhead',
      message: 'With fewer workers the lag would come near maxLag, or stay there.',
      lastScaleTime: '2026-01-01T00:00:00Z',
      inputPerSecond: 24000,
      capacityPerLane: 4100,
      neededLanes: 8,
      predictedLag: '45s',
      learned: { capacityPerLane: 4300, spreadPercent: 0, startUp: '25s', patiencePercent: 100 },
    }
    bed.putJob({ conditions: [], autoscaling }, { autoscaling: { minReplicas: 1, maxReplicas: 6 } })
    const text = await explain()
    expect(text).to.contain('the job may have 1 to 6 workers\n')
    expect(text).to.contain('last decision: 4 workers (LagAhead)\n    With fewer workers the lag')
    for (const line of [
      'comes in: 24,000 records/s',
      'a lane reads: 4,100 records/s',
      'lanes needed: 8',
      'lag ahead if nothing were done: 45s',
      'workers take 25s to start',
    ])
      expect(text).to.contain(`    ${line}\n`)
    expect(text).to.match(/the number last changed .* ago/)
  })

  it('says who decides about the number of workers, where the operator does not', async () => {
    bed.putJob({ conditions: [] }, { autoscaling: { mode: 'Manual' }, replicas: 3 })
    expect(await explain()).to.contain('spec.replicas says 3 workers; autoscaling.mode is Manual')
  })

  it('says that a dry run changes nothing', async () => {
    bed.putJob({ conditions: [] }, { autoscaling: { mode: 'DryRun', minReplicas: 2, maxReplicas: 4 } })
    expect(await explain()).to.contain('autoscaling.mode is DryRun: it has 2 workers all the same')
  })

  it('says which limit holds a worker back', async () => {
    bed.putJob({ conditions: [] })
    const { store } = bed.server
    const shopDb = store.get(collections.dataSources, 'shop', 'shop-db') as KubeObject & { spec: object }
    const spec = { ...shopDb.spec, protection: { limits: { bytesPerSecond: '4Mi' } } }
    store.update(collections.dataSources, { ...shopDb, spec } as KubeObject)
    bed.putPod(pod)
    bed.answer(statusPath(pod), { ...told, throttledBy: 'bytes' })
    expect(await explain()).to.contain(
      `limits reading: bytesPerSecond 4Mi\n  ${pod} is held back now by the limit of bytes`,
    )
    bed.answer(statusPath(pod), told)
    expect(await explain()).to.contain('no worker is held back by it now')
  })

  it('tells of a check that keeps the workers as they were', async () => {
    const failed = condition('RolledOut', 'False', 'PG_PERMISSION_DENIED', 'The workers stay as they were.')
    bed.putJob({ conditions: [failed] })
    bed.putDeployment()
    const check = 'shop-to-lake-check-0a1b2c3d4e'
    bed.put('pods', {
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { name: `${check}-x7k2p`, namespace: 'shop', labels: labelsOf('shop-to-lake', 'check') },
      spec: { containers: [{ name: 'check', image: 'sluice:2' }] },
      status: {
        phase: 'Failed',
        containerStatuses: [
          { restartCount: 0, state: { terminated: { exitCode: 1, message: 'may not read' } } },
        ],
      },
    } as KubeObject)
    bed.putEvent(
      { kind: 'Job', name: check },
      { reason: 'BackoffLimitExceeded', message: 'check has failed' },
    )
    const text = await explain()
    expect(text).to.contain('docs/runbooks/SluiceRolloutHeld.md')
    expect(text).to.contain('exit code 1: may not read')
    expect(text).to.contain('BackoffLimitExceeded')
  })

  it('points at the page about lag when there is more than maxLag', async () => {
    bed.putJob({ conditions: [], lag: '5m' }, { autoscaling: { maxLag: '1m' } })
    expect(await explain()).to.contain('5m00s, more than autoscaling.maxLag (1m)')
    expect(bed.spoken.out).to.contain('docs/runbooks/SluiceLagHigh.md')
  })

  it('helps though most of it may not be read', async () => {
    bed.putJob({ conditions: [condition('Ready', 'True', 'Streaming', 'fine')] })
    bed.putPod(pod, runningPod)
    bed.server.faults = ({ path }) =>
      path.includes('/syncjobs') ? undefined : { kind: 'status', status: 403, text: '{"message":"no"}' }
    const text = await explain()
    expect(text).to.contain('Ready is True')
    expect(text).to.contain('Not to be had\n')
    for (const what of ['DataSource shop-db', 'the Deployment', 'pods', 'events'])
      expect(text).to.contain(`${what}: you may not read that`)
    expect(text).not.to.contain('there is no such DataSource')
    expect(bed.server.requests.some(({ path }) => path.startsWith(podPath('')))).to.equal(false)
  })
})

describe('explainReason', () => {
  for (const reason of [...explainedReasons, 'PG_SLOT_LOST', 'SomethingElse'])
    it(`knows a page that is there for ${reason}`, () => {
      const { page, meaning } = explainReason(reason)
      expect(meaning).not.to.equal('')
      if (page !== null) expect(existsSync(page.replace(/#.*/, '')), page).to.equal(true)
    })
})
