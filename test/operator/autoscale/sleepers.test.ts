import { expect } from 'chai'
import type { Heartbeat } from '#api/heartbeat.ts'
import type { SyncJobStatus } from '#api/sync-job.ts'
import { systemClock } from '#common/clock.ts'
import type { EventObject } from '#operator/kube/events.ts'
import type { KubeObject } from '#operator/kube/object.ts'
import type { Deployment, Job } from '#operator/resources.ts'
import { MasterBed } from '../heartbeat/master-bed.ts'
import { eventually } from '../manual-clock.ts'
import type { Json } from '../fake-api-store.ts'
import { collections } from '../sync-job/fixtures.ts'
import { probedPlansMax } from '#api/probe.ts'
import { probedJobs } from '#operator/autoscale/probe-job.ts'
import { SleepingJobs } from './sleeping-jobs.ts'
import type { RunningProbe } from './sleeping-jobs.ts'

const speed = 100
const beganMs = systemClock.nowMs()
/** A minute takes six tenths of a second. */
const hastyClock = {
  ...systemClock,
  nowMs: () => beganMs + (systemClock.nowMs() - beganMs) * speed,
  monotonicMs: () => systemClock.monotonicMs() * speed,
  sleep: (ms: number, signal?: AbortSignal) => systemClock.sleep(ms / speed, signal),
}

const idle = (job: string, number: number): Heartbeat => ({
  job: { namespace: 'shop', name: job },
  worker: `${job}-pod`,
  startedAtMs: 1,
  number,
  term: 0,
  plan: '',
  capacity: 2,
  leaving: false,
  held: [
    {
      id: 'log',
      draining: false,
      leased: true,
      lagMs: 0,
      lane: 0,
      measured: { ageMs: 0, inputPerSecond: 0, processedPerSecond: 0, lagRecords: 0 },
    },
  ],
  lanes: [{ lane: 0, ageMs: 0, processedPerSecond: 0, busyShare: 0, blockedShare: 0, settled: true }],
  finished: [],
  planned: null,
  leases: [],
})

interface LiveJob extends KubeObject {
  spec: Json
  status?: SyncJobStatus
}

const autoscaling = { minReplicas: 0, maxReplicas: 1, idleAfter: '1m', probeInterval: '15s' }

describe('An operator with idle jobs', function () {
  this.timeout(20_000)
  let bed: MasterBed
  let number = 0

  const job = (name = 'job-0'): LiveJob => bed.server.store.get(collections.syncJobs, 'shop', name) as LiveJob
  const edit = (spec: Json, name = 'job-0'): void =>
    void bed.server.store.update(collections.syncJobs, {
      ...job(name),
      spec: { ...job(name).spec, ...spec },
    } as KubeObject)
  const replicas = (name = 'job-0'): number | undefined =>
    (bed.server.store.find(collections.deployments, 'shop', `${name}-worker`) as Deployment | undefined)?.spec
      .replicas
  const probes = (): Job[] =>
    (bed.server.store.list(collections.jobs) as Job[]).filter(({ metadata }) =>
      metadata.name.includes('-probe-'),
    )
  const running = (): Job[] => probes().filter(({ status }) => status === undefined)
  const ready = (): string => {
    const found = job().status?.conditions?.find(({ type }) => type === 'Ready')
    return `${found?.status} ${found?.reason}`
  }
  const reason = (name = 'job-0'): string | undefined => job(name).status?.autoscaling?.reason

  /** What the Job controller and a kubelet tell of a probe that has ended. */
  const end = ({ metadata }: Job, exitCode: number, said = ''): void => {
    bed.server.store.create(collections.pods, {
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: {
        name: `${metadata.name}-pod`,
        namespace: 'shop',
        labels: { ...metadata.labels, 'batch.kubernetes.io/job-name': metadata.name },
      },
      spec: { containers: [] },
      status: {
        containerStatuses: [{ restartCount: 0, state: { terminated: { exitCode, message: said } } }],
      },
    } as unknown as KubeObject)
    const type = exitCode === 0 ? 'Complete' : 'Failed'
    const live = bed.server.store.get(collections.jobs, 'shop', metadata.name)
    const status = { conditions: [{ type, status: 'True' }] }
    bed.server.store.update(collections.jobs, { ...live, status } as KubeObject, 'status')
  }

  /** Its worker reads nothing until it is taken away. */
  const fallAsleep = async (name = 'job-0'): Promise<void> => {
    bed.removePod(`${name}-pod`)
    bed.startPod(name, { shared: true })
    await eventually(`${name} asleep`, () => {
      const pod = bed.identityOf(`${name}-pod`)
      if (pod !== null) bed.operator.answer(pod, idle(name, ++number))
      return replicas(name) === 0
    })
    bed.removePod(`${name}-pod`)
  }
  const aProbe = async (): Promise<Job> => {
    await eventually('a probe', () => running().length > 0)
    return running()[0]!
  }

  beforeEach(async () => {
    bed = await MasterBed.create({ recordsPerSecond: 1e6 }, ['normal', 'normal'], hastyClock)
    edit({ autoscaling })
  })
  afterEach(() => bed.close())

  it('takes the worker away, looks at the source again and again, and brings one back when there is something', async () => {
    await bed.start(1)
    await fallAsleep()
    await eventually('Ready', () => ready() === 'True Idle')
    for (let look = 0; look < 3; look++) end(await aProbe(), 0)
    expect(replicas()).to.equal(0)
    end(await aProbe(), 10, 'sluice probe: At least 3 changes wait in the log.\n')
    await eventually('a worker', () => replicas() === 1)
    await eventually('it is said', () => reason() === 'Waking')
    expect(job().status?.autoscaling?.message).to.include('At least 3 changes wait in the log.')
    await eventually('Ready', () => ready() === 'False WorkerStarting')
    const notes = (bed.server.store.list(collections.events) as EventObject[]).map(({ note }) => note)
    expect(notes.some(note => note.startsWith('Scaled from 1 to 0 workers.'))).to.equal(true)
    expect(notes.some(note => note.startsWith('Scaled from 0 to 1 worker.'))).to.equal(true)
    const many = probes().length
    await systemClock.sleep(500)
    expect(probes().length, 'none while it has a worker').to.equal(many)
  })

  it('brings a worker back when the source cannot be looked at, and says why', async () => {
    await bed.start(1)
    await fallAsleep()
    for (let look = 0; look < 3; look++)
      end(await aProbe(), 1, 'sluice probe: SOURCE_UNREACHABLE: PostgreSQL does not answer\n')
    await eventually('a worker', () => replicas() === 1)
    await eventually('a condition', () => {
      const found = job().status?.conditions?.find(({ type }) => type === 'ScalingLimited')
      return found?.reason === 'SourceUnseen' && found.message.includes('SOURCE_UNREACHABLE')
    })
  })

  for (const { name, change } of [
    { name: 'it is to be restarted', change: () => edit({ restart: 'now' }) },
    { name: 'a table is to be read again', change: () => edit({ resync: { id: '1' } }) },
    {
      name: 'its source is another',
      change: () => {
        const source = bed.server.store.get(collections.dataSources, 'shop', 'shop-db') as LiveJob
        const postgres = { ...(source.spec['postgres'] as Json), port: 6543 }
        bed.server.store.update(collections.dataSources, {
          ...source,
          spec: { ...source.spec, postgres },
        } as KubeObject)
      },
    },
  ])
    it(`brings a worker back when ${name}`, async () => {
      await bed.start(1)
      await fallAsleep()
      change()
      await eventually('a worker', () => replicas() === 1)
      await eventually('it is said', () => reason() === 'SpecChanged')
    })

  it('looks after idle jobs that another operator let sleep, and takes over its probe', async () => {
    await bed.start(1)
    await fallAsleep()
    const probe = await aProbe()
    await bed.stop()
    await bed.start(2)
    await systemClock.sleep(500)
    expect(replicas()).to.equal(0)
    expect(running().map(({ metadata }) => metadata.name)).to.deep.equal([probe.metadata.name])
    end(probe, 10, 'sluice probe: 3 records wait.\n')
    await eventually('a worker', () => replicas() === 1)
  })

  it('looks at none while the job is suspended, and brings a worker when it no longer is', async () => {
    await bed.start(1)
    await fallAsleep()
    edit({ suspend: true })
    await eventually('Ready', () => ready() === 'False Suspended')
    for (const probe of running()) end(probe, 0)
    await systemClock.sleep(600)
    expect(running()).to.have.length(0)
    edit({ suspend: false })
    await eventually('a worker', () => replicas() === 1)
    await eventually('it is said', () => reason() === 'SpecChanged')
  })
})

describe('Sleepers', () => {
  it('do not take for a failure what the pod of a probe tells a moment later', async () => {
    const jobs = new SleepingJobs({ jobs: 1, sources: 1 })
    while (jobs.running.size === 0) await jobs.look()
    const [probe] = jobs.running
    jobs.end(probe!, 'Failed')
    await jobs.look()
    expect(jobs.events).to.deep.equal([])
    jobs.endPod(probe!, 10, 'sluice probe: 3 records wait.\n')
    await jobs.look()
    expect(jobs.events.map(({ reason }) => reason)).to.deep.equal(['Waking'])
  })

  it('begin no probe before it may visit the source', async () => {
    const jobs = new SleepingJobs({ jobs: 1, sources: 1 })
    jobs.mayVisit = false
    await watch(jobs, 5)
    expect(jobs.looks.size).to.equal(0)
    jobs.mayVisit = true
    await watch(jobs, 1)
    expect(jobs.looks.size).to.equal(1)
  })

  /** Lets the time go by; each probe takes four seconds and finds nothing. */
  const watch = async (jobs: SleepingJobs, minutes: number, each = () => {}): Promise<void> => {
    for (const endMs = jobs.nowMs + minutes * 60_000; jobs.nowMs < endMs;) {
      await jobs.look()
      each()
      for (const probe of jobs.running) jobs.end(probe, 'Complete')
    }
  }

  it('look after a thousand jobs without a storm: ten probes at once, and one for each source', async () => {
    const jobs = new SleepingJobs({ jobs: 1000, sources: 20 })
    await watch(jobs, 30, () => {
      const sources = [...jobs.running].map(probe => jobs.sourceOf(probe))
      expect(sources.length).to.be.at.most(10)
      expect(new Set(sources).size).to.equal(sources.length)
    })
    expect(jobs.events).to.deep.equal([])
    expect(jobs.looks.size).to.equal(1000)
    for (const looks of jobs.looks.values()) expect(looks.length).to.be.at.least(2)
  })

  it('look after a thousand jobs of one source, with one pod at a time for many of them', async () => {
    const jobs = new SleepingJobs({ jobs: 1000, sources: 1 })
    const sizes: number[] = []
    await watch(jobs, 30, () => {
      expect(jobs.running.size).to.be.at.most(1)
      for (const { job } of jobs.running) sizes.push(probedJobs(job).length)
    })
    expect(jobs.events).to.deep.equal([])
    expect(Math.max(...sizes)).to.equal(probedPlansMax)
    expect(Math.min(...[...jobs.looks.values()].map(({ length }) => length))).to.be.at.least(3)
  })

  it('come to look at jobs of one source together, about as often as each asks for', async () => {
    const jobs = new SleepingJobs({ jobs: 10, sources: 1 })
    const pods: number[] = []
    await watch(jobs, 60, () => pods.push(jobs.running.size))
    const begun = pods.reduce((sum, count) => sum + count, 0)
    expect(begun, 'pods in an hour').to.be.within(24, 45)
    for (const { length } of jobs.looks.values()) expect(length, 'looks in an hour').to.be.within(24, 45)
    expect(jobs.events, 'said of it').to.deep.equal([])
  })

  it('let as many of one source sleep as they can look after, and give the others a worker', async () => {
    const jobs = new SleepingJobs({ jobs: 300, sources: 1, alone: true })
    await watch(jobs, 30, () => expect(jobs.running.size).to.be.at.most(1))
    expect(new Set(jobs.events.map(({ reason }) => reason))).to.deep.equal(new Set(['SourceUnseen']))
    expect(300 - jobs.events.length).to.be.within(80, 130)
  })

  /** Lets the time go by until a pod looks for all of them. */
  const lookedAtTogether = async (jobs: SleepingJobs, count: number): Promise<RunningProbe> => {
    for (;;) {
      await jobs.look()
      const [probe] = jobs.running
      if (probe !== undefined && probedJobs(probe.job).length === count) return probe
      if (probe !== undefined) jobs.end(probe, 'Complete')
    }
  }

  it('wake the one job that has something to read, of those that one pod looked at', async () => {
    const jobs = new SleepingJobs({ jobs: 5, sources: 1 })
    const probe = await lookedAtTogether(jobs, 5)
    jobs.report(probe, name => (name === 'job-3' ? { unread: '3 records wait.' } : 'nothing'))
    await jobs.look()
    expect(jobs.events.map(({ reason, note }) => [reason, note])).to.deep.equal([
      ['Waking', 'Scaled from 0 to 1 worker. There is something to read again. 3 records wait.'],
    ])
    await watch(jobs, 5)
    expect(jobs.events).to.have.length(1)
  })

  it('look soon again for those that a pod did not come to', async () => {
    const jobs = new SleepingJobs({ jobs: 5, sources: 1 })
    const probe = await lookedAtTogether(jobs, 5)
    const [first, ...others] = probedJobs(probe.job)
    jobs.report(probe, name => (name === first ? 'nothing' : 'later'))
    const endedMs = jobs.nowMs
    while (jobs.running.size === 0) await jobs.look()
    expect(jobs.nowMs - endedMs, 'before the first one is due').to.be.below(0.8 * 120_000)
    const [next] = jobs.running
    expect(probedJobs(next!.job)).to.include.members(others)
  })

  it('give a worker to the one job that cannot be looked at, and not to the others of its pods', async () => {
    const jobs = new SleepingJobs({ jobs: 5, sources: 1 })
    for (const endMs = jobs.nowMs + 15 * 60_000; jobs.nowMs < endMs;) {
      await jobs.look()
      for (const probe of jobs.running)
        jobs.report(probe, name => (name === 'job-3' ? { failed: 'PG_SLOT_LOST: it is gone' } : 'nothing'))
    }
    expect(jobs.events.map(({ reason }) => reason)).to.deep.equal(['SourceUnseen'])
    expect(jobs.events[0]?.note).to.include('PG_SLOT_LOST')
  })

  it('hear how a pod ended that an operator of before had begun for several jobs', async () => {
    const jobs = new SleepingJobs({ jobs: 5, sources: 1 })
    const probe = await lookedAtTogether(jobs, 5)
    jobs.takeOver()
    await jobs.look()
    expect(jobs.running.size).to.equal(1)
    jobs.report(probe, name => (name === 'job-4' ? { unread: '3 records wait.' } : 'nothing'))
    await jobs.look()
    expect(jobs.events.map(({ reason }) => reason)).to.deep.equal(['Waking'])
  })
})
