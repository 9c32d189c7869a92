import { expect } from 'chai'
import { syncJobStatus } from '#api/sync-job.ts'
import { writeDue } from '#operator/sync-job/status.ts'
import type { SyncJobStatus } from '#api/sync-job.ts'
import { ScaledJob } from './scaled-job.ts'

const autoscaling = { minReplicas: 1, maxReplicas: 8, maxLag: '60s' }

/** `True AtMaximum`; undefined where there is no such condition. */
type Condition = NonNullable<SyncJobStatus['conditions']>[number]

function scalingLimited({ status }: ScaledJob): Condition | undefined {
  return status?.conditions?.find(({ type }) => type === 'ScalingLimited')
}

function limited(job: ScaledJob): string | undefined {
  const found = scalingLimited(job)
  return found && `${found.status} ${found.reason}`
}

describe('Autoscaler', () => {
  it('follows eight times the load until the lag is back, and later goes down again, each once', () => {
    const job = new ScaledJob({ autoscaling })
    job.run(10)
    expect(job.pods).to.equal(1)
    job.input = 8000
    let worstMs = 0
    job.run(15, () => (worstMs = Math.max(worstMs, job.lagMs)))
    expect(job.pods).to.be.within(5, 8)
    expect(job.lagMs, 'at the end').to.equal(0)
    expect(worstMs).to.be.lessThan(120_000)
    expect(job.events.filter(({ action }) => action === 'Scale').length, 'ups').to.be.at.most(3)
    job.input = 1000
    job.run(90)
    expect(job.pods).to.equal(1)
    expect(job.events.filter(({ reason }) => reason === 'Surplus').length, 'downs').to.be.at.most(3)
    expect(syncJobStatus.safeParse(job.status).error).to.equal(undefined)
  })

  it('tells what it decided, why and by which numbers, in the status and as an event', () => {
    const job = new ScaledJob({ autoscaling })
    job.run(10)
    expect(job.status?.autoscaling).to.deep.include({
      desiredReplicas: 1,
      reason: 'Steady',
      inputPerSecond: 1000,
      capacityPerLane: 1000,
      neededLanes: 2,
    })
    expect(job.status?.autoscaling?.lastScaleTime).to.equal(undefined)
    job.input = 8000
    job.run(2)
    const [event] = job.events
    expect(event).to.deep.include({ type: 'Normal', action: 'Scale', reason: 'LagAhead' })
    expect(event!.note).to.match(/^Scaled from 1 to \d workers\. .*8,000 records\/s come in.*maxLag 1m/)
    expect(job.decisions[0]).to.equal('shop/shop-to-lake')
    expect(job.status?.autoscaling?.lastScaleTime).to.match(/^2026-01-01T00:1/)
  })

  it('writes no status for a job where nothing happens', () => {
    const job = new ScaledJob({ autoscaling })
    job.input = 0
    job.run(10)
    const before = job.status
    job.run(30)
    expect(writeDue(before, job.status!, Infinity)).to.equal('never')
  })

  it('does not write at once for numbers alone', () => {
    const job = new ScaledJob({ autoscaling })
    job.run(10)
    const before = job.status
    job.input = 1200
    job.run(1)
    expect(job.status?.autoscaling?.inputPerSecond).to.equal(1200)
    expect(writeDue(before, job.status!, 0)).to.equal('later')
  })

  it('goes on from the status when another operator takes over', () => {
    const job = new ScaledJob({ autoscaling })
    job.input = 5000
    job.run(20)
    const { pods } = job
    expect(pods).to.be.greaterThan(2)
    const { learned } = job.status!.autoscaling!
    job.takeOver()
    job.run(0.25)
    expect(job.pods).to.equal(pods)
    job.run(2)
    expect(job.status?.autoscaling?.learned).to.deep.equal(learned)
    expect(job.pods).to.equal(pods)
  })

  it('only tells what it would do in a dry run, and each change of mind once', () => {
    const job = new ScaledJob({ autoscaling: { ...autoscaling, mode: 'DryRun' } })
    job.run(10)
    job.input = 8000
    job.run(10)
    expect(job.pods).to.equal(1)
    expect(job.status?.autoscaling?.desiredReplicas).to.be.greaterThan(4)
    const would = job.events.filter(({ action }) => action === 'DryRun')
    expect(would[0]?.note).to.match(/^Would scale from 1 to \d/)
    expect(would.length).to.be.at.most(3)
    expect(job.status?.autoscaling?.lastScaleTime, 'nothing was scaled').to.equal(undefined)
  })

  it('learns nothing in a dry run from what nobody carried out', () => {
    const job = new ScaledJob({ autoscaling: { ...autoscaling, mode: 'DryRun' }, replicas: 4 })
    job.run(30)
    expect(job.events.map(({ reason }) => reason)).to.deep.equal(['Surplus'])
    job.input = 9000
    job.run(5)
    expect(job.status?.autoscaling?.learned).to.deep.include({ patiencePercent: 100 })
    expect(job.status?.autoscaling?.learned).to.not.have.property('lastShrinkTime')
  })

  it('leaves alone a job that says itself how many workers it has', () => {
    const job = new ScaledJob({ autoscaling: { ...autoscaling, mode: 'Manual' }, replicas: 3 })
    job.input = 20_000
    job.run(10)
    expect(job.pods).to.equal(3)
    expect(job.status?.autoscaling).to.equal(undefined)
  })

  it('says so when maxReplicas is not enough, once, and when it is again', () => {
    const job = new ScaledJob({ autoscaling: { ...autoscaling, maxReplicas: 2 } })
    job.run(5)
    expect(limited(job)).to.equal(undefined)
    job.input = 8000
    job.run(10)
    expect(limited(job)).to.equal('True AtMaximum')
    expect(job.events.filter(({ type }) => type === 'Warning').map(({ reason }) => reason)).to.deep.equal([
      'AtMaximum',
    ])
    job.input = 1000
    job.backlog = 0
    job.run(8)
    expect(limited(job)).to.equal('False DesiredWithinRange')
  })

  it('has no more workers than the connections of its source are enough for, and names that limit', () => {
    const job = new ScaledJob({ autoscaling }, 12)
    job.run(5)
    job.input = 8000
    job.run(10)
    expect([job.pods, limited(job)]).to.deep.equal([3, 'True ConnectionLimit'])
    const { note } = job.events.find(({ type }) => type === 'Warning')!
    expect(note).to.match(/protection\.limits.*connections for 3 of its workers/)
    expect(syncJobStatus.safeParse(job.status).error).to.equal(undefined)
  })

  it('leaves connections to the workers of other jobs, and takes them when those are gone', () => {
    const job = new ScaledJob({ autoscaling }, 18)
    job.addOther('items', 2)
    job.addOther('orders', 1)
    job.run(5)
    job.input = 8000
    job.run(10)
    expect([job.pods, limited(job)]).to.deep.equal([2, 'True ConnectionLimit'])
    job.removeOther('items')
    job.run(10)
    expect(job.pods).to.equal(4)
    job.addOther('items', 2)
    job.run(2)
    expect(job.pods, 'none goes for another job').to.equal(4)
  })

  it('buys nothing for a job that its target holds up', () => {
    const job = new ScaledJob({ autoscaling })
    job.run(5)
    job.blockedShare = 0.8
    job.run(10)
    expect(job.pods).to.equal(1)
    expect(limited(job)).to.equal('True ExternalBottleneck')
  })

  it('copies a snapshot with as many workers as its ranges can use, and goes on with what streams', () => {
    const job = new ScaledJob({ autoscaling })
    job.ranges = 9
    job.run(3)
    expect(job.pods).to.equal(5)
    expect(limited(job)).to.equal(undefined)
    job.ranges = 2
    job.run(3)
    expect(job.pods, 'none goes while it lasts').to.equal(5)
    job.ranges = 0
    job.input = 1000
    job.backlog = 0
    job.run(60)
    expect(job.pods).to.equal(1)
    expect(job.events.map(({ reason }) => reason)).to.include.members(['Backfill', 'Surplus'])
  })

  it('holds the size while nothing is heard, and says so, but not of one that has just begun', () => {
    const job = new ScaledJob({ autoscaling })
    job.isHeard = false
    job.run(1)
    expect(job.status?.autoscaling).to.equal(undefined)
    job.run(2)
    expect(limited(job)).to.equal('True MetricsStale')
    expect(job.pods).to.equal(1)
  })

  it('does not take a suspended job for one that tells nothing, and goes on where it was', () => {
    const job = new ScaledJob({ autoscaling })
    job.input = 5000
    job.run(20)
    const { pods } = job
    job.change({ suspend: true })
    job.isHeard = false
    job.run(10)
    job.change({ suspend: false })
    job.run(1)
    expect(limited(job)).to.equal(undefined)
    expect(job.pods).to.equal(pods)
    expect(pods).to.be.greaterThan(2)
  })

  it('keeps to new limits at once', () => {
    const job = new ScaledJob({ autoscaling })
    job.run(5)
    job.change({ autoscaling: { ...autoscaling, minReplicas: 3 } })
    job.run(0.5)
    expect(job.pods).to.equal(3)
  })

  describe('of a job that may be idle', () => {
    const idle = { minReplicas: 0, maxReplicas: 3, idleAfter: '10m' }
    const asleep = (): ScaledJob => {
      const job = new ScaledJob({ autoscaling: idle })
      job.run(10)
      job.input = 0
      job.run(20)
      return job
    }

    it('takes its last worker away when nothing came in for so long, says so, and writes no more', () => {
      const job = asleep()
      expect([job.pods, job.isAsleep]).to.deep.equal([0, true])
      const { autoscaling } = job.status!
      expect(autoscaling).to.deep.include({ desiredReplicas: 0, reason: 'Idle' })
      expect(autoscaling?.asleep?.since).to.equal(autoscaling?.lastScaleTime)
      expect(syncJobStatus.safeParse(job.status).error).to.equal(undefined)
      expect(job.events.at(-1)!.note).to.match(/^Scaled from 1 to 0 workers\. There was no input for long/)
      const before = job.status
      job.run(60)
      expect(writeDue(before, job.status!, Infinity)).to.equal('never')
    })

    it('keeps it where the job may not be idle', () => {
      for (const spec of [
        { autoscaling: { ...idle, minReplicas: 1 } },
        { autoscaling: idle, mode: 'snapshot' },
        { autoscaling: { ...idle, mode: 'DryRun' } },
      ]) {
        const job = new ScaledJob(spec)
        job.input = 0
        job.run(40)
        expect([job.pods, job.isAsleep], JSON.stringify(spec)).to.deep.equal([1, false])
      }
    })

    it('lets it sleep on under another operator, which knows what it was', () => {
      const job = asleep()
      const { asleep: before } = job.status!.autoscaling!
      job.takeOver()
      job.run(30)
      expect([job.pods, job.isAsleep]).to.deep.equal([0, true])
      expect(job.status!.autoscaling!.asleep).to.deep.equal(before)
    })

    it('goes on with what it had learned when it is woken, and may be idle again', () => {
      const job = asleep()
      const { learned } = job.status!.autoscaling!
      job.input = 500
      job.wake({ reason: 'Waking', what: '3 records wait.' })
      expect([job.pods, job.isAsleep]).to.deep.equal([1, false])
      expect(job.status!.autoscaling).to.deep.include({ desiredReplicas: 1, reason: 'Waking', learned })
      expect(job.status!.autoscaling!.asleep).to.equal(undefined)
      const told = 'Scaled from 0 to 1 worker. There is something to read again. 3 records wait.'
      expect(job.events.at(-1)).to.deep.include({ type: 'Normal', reason: 'Waking', note: told })
      job.run(20)
      expect(job.pods).to.equal(1)
      job.input = 0
      job.run(9)
      expect(job.pods).to.equal(1)
      job.run(5)
      expect(job.pods).to.equal(0)
    })

    it('is idle for as long again before it sleeps again, also when nothing came in since', () => {
      const job = asleep()
      job.wake({ reason: 'Waking', what: 'The server keeps 300 MiB of its log.' })
      job.run(9)
      expect(job.pods).to.equal(1)
      job.run(5)
      expect(job.pods).to.equal(0)
    })

    it('keeps a worker for an hour where its source could not be looked at, and says why', () => {
      const job = asleep()
      job.wake({ reason: 'SourceUnseen', what: 'SOURCE_UNREACHABLE: it does not answer.' })
      expect(job.events.at(-1)).to.deep.include({ type: 'Warning', reason: 'SourceUnseen' })
      job.run(50)
      expect([job.pods, limited(job)]).to.deep.equal([1, 'True SourceUnseen'])
      job.run(15)
      expect([job.pods, limited(job)]).to.deep.equal([0, 'False DesiredWithinRange'])
      expect(job.status!.autoscaling!.sourceUnseen).to.equal(undefined)
    })

    it('keeps that worker under another operator, and goes on to say why', () => {
      const job = asleep()
      job.wake({ reason: 'SourceUnseen', what: 'SOURCE_UNREACHABLE: it does not answer.' })
      job.run(20)
      const { message } = scalingLimited(job)!
      expect(message).to.include('SOURCE_UNREACHABLE')
      job.takeOver()
      job.run(1)
      expect(scalingLimited(job)).to.deep.include({ reason: 'SourceUnseen', message })
      job.run(30)
      expect([job.pods, limited(job)]).to.deep.equal([1, 'True SourceUnseen'])
      job.run(30)
      expect([job.pods, limited(job)]).to.deep.equal([0, 'False DesiredWithinRange'])
    })
  })
})
