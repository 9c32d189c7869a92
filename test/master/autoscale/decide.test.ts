import { expect } from 'chai'
import { decideSize } from '#master/autoscale/decide.ts'
import type { ScalingReason } from '#master/autoscale/model.ts'
import { changes, drive } from './fluid-job.ts'
import { even, learned, observe, startMs } from './observations.ts'
import type { Sketch } from './observations.ts'

const minuteMs = 60_000

describe('decideSize', () => {
  const cases: { name: string; sketch: Sketch; size: [number, number]; reason: ScalingReason }[] = [
    {
      name: 'leaves a job that keeps up as it is',
      sketch: { input: even(16, 3000) },
      size: [2, 2],
      reason: 'Steady',
    },
    {
      name: 'adds replicas before the lag is there',
      sketch: { input: even(64, 8000) },
      size: [7, 2],
      reason: 'LagAhead',
    },
    {
      name: 'adds a lane rather than a replica',
      sketch: {
        running: { replicas: 1, lanes: 1 },
        limits: { lanesMax: 4 },
        input: even(16, 2200),
        lagMs: 10_000,
        lagRecords: 200,
      },
      size: [1, 4],
      reason: 'LagAhead',
    },
    {
      name: 'adds what is needed to catch up, and not only to keep up',
      sketch: { input: even(16, 3000), lagRecords: 20_000, lagMs: 100_000 },
      size: [4, 2],
      reason: 'LagAhead',
    },
    {
      name: 'leaves a backlog alone that is gone soon',
      sketch: { input: even(16, 1000), lagRecords: 8_000, lagMs: 45_000 },
      size: [2, 2],
      reason: 'CatchingUp',
    },
    {
      name: 'goes to the maximum and says so where that is not enough',
      sketch: { input: even(32, 30_000) },
      size: [8, 2],
      reason: 'AtMaximum',
    },
    {
      name: 'says so as well when it is there',
      sketch: { input: even(32, 30_000), running: { replicas: 8 }, lagRecords: 50_000, lagMs: 90_000 },
      size: [8, 2],
      reason: 'AtMaximum',
    },
    {
      name: 'takes no more than have connections, and says so',
      sketch: { input: even(32, 12_000), limits: { maxReplicas: 5, maximumBy: 'connections' } },
      size: [5, 2],
      reason: 'ConnectionLimit',
    },
    {
      name: 'says so as well when it is there',
      sketch: {
        input: even(32, 12_000),
        running: { replicas: 5 },
        limits: { maxReplicas: 5, maximumBy: 'connections' },
        lagRecords: 50_000,
        lagMs: 90_000,
      },
      size: [5, 2],
      reason: 'ConnectionLimit',
    },
    {
      name: 'speaks of no connections where they are enough',
      sketch: { input: even(64, 8000), limits: { maxReplicas: 7, maximumBy: 'connections' } },
      size: [7, 2],
      reason: 'LagAhead',
    },
    {
      name: 'takes those away that never will have connections, and no more than those',
      sketch: {
        input: even(16, 3000),
        running: { replicas: 6 },
        limits: { maxReplicas: 4, maximumBy: 'connections' },
      },
      size: [4, 2],
      reason: 'ConnectionLimit',
    },
    {
      name: 'names the spec where it asks for more than have connections',
      sketch: {
        input: even(16, 3000),
        limits: { minReplicas: 3, maxReplicas: 2, maximumBy: 'connections' },
      },
      size: [3, 2],
      reason: 'OutOfBounds',
    },
    {
      name: 'adds nothing for a split that has its lane to itself and is too much for it',
      sketch: { input: [1500, 100, 100, 100], lagRecords: 30_000, lagMs: 90_000, running: { replicas: 2 } },
      size: [2, 2],
      reason: 'SplitSkew',
    },
    {
      name: 'adds nothing where the target holds the job up',
      sketch: { input: even(16, 8000), lagRecords: 30_000, lagMs: 90_000, blockedShare: 0.6 },
      size: [2, 2],
      reason: 'ExternalBottleneck',
    },
    {
      name: 'asks for the splits to be dealt anew where that is enough',
      // Round over four lanes, the first gets all that is heavy.
      sketch: { input: [700, 10, 10, 10, 700, 10, 10, 10, 10, 10, 10, 10], lagMs: 5000, lagRecords: 1000 },
      size: [2, 2],
      reason: 'Unbalanced',
    },
    {
      name: 'waits for pods that start',
      sketch: { input: even(16, 4500), running: { replicas: 4, readyReplicas: 2 } },
      size: [4, 2],
      reason: 'Starting',
    },
    {
      name: 'asks for more while pods start when far more comes',
      sketch: { input: even(64, 9500), running: { replicas: 4, readyReplicas: 2 } },
      size: [8, 2],
      reason: 'LagAhead',
    },
    {
      name: 'holds while nobody knows what a lane can do',
      sketch: { input: even(16, 0), state: null },
      size: [2, 2],
      reason: 'CapacityUnknown',
    },
    {
      name: 'holds when the measurements are old',
      sketch: { input: even(16, 0), ageMs: 2 * minuteMs },
      size: [2, 2],
      reason: 'MetricsStale',
    },
    {
      name: 'takes a size below the limits into them',
      sketch: { input: even(16, 3000), limits: { minReplicas: 3 } },
      size: [3, 2],
      reason: 'OutOfBounds',
    },
    {
      name: 'takes a size above the limits into them, even when nothing is measured',
      sketch: { running: { replicas: 8 }, limits: { maxReplicas: 4 }, ageMs: 5 * minuteMs },
      size: [4, 2],
      reason: 'OutOfBounds',
    },
    {
      name: 'wakes a job with no worker when there is input, as large as it has to be',
      sketch: {
        input: even(16, 5000),
        running: { replicas: 0 },
        limits: { minReplicas: 0, idleAfterMs: minuteMs },
      },
      size: [4, 2],
      reason: 'Waking',
    },
    {
      name: 'lets a job with no worker be when there is none',
      sketch: {
        input: even(16, 0),
        running: { replicas: 0 },
        limits: { minReplicas: 0, idleAfterMs: minuteMs },
      },
      size: [0, 2],
      reason: 'Idle',
    },
    {
      name: 'wakes a job with no worker when nobody sees whether there is input',
      sketch: {
        running: { replicas: 0 },
        limits: { minReplicas: 0, idleAfterMs: minuteMs },
        input: [0],
        ageMs: 5 * minuteMs,
      },
      size: [1, 1],
      reason: 'MetricsStale',
    },
  ]
  for (const { name, sketch, size, reason } of cases)
    it(name, () => {
      const decision = decideSize(observe(sketch))
      expect([decision.replicas, decision.lanes, decision.reason]).to.deep.equal([...size, reason])
    })

  it('gives the numbers it decided by', () => {
    const { numbers } = decideSize(observe({ input: even(64, 8000) }))
    expect(numbers).to.deep.equal({
      inputPerSecond: 8000,
      forecastPerSecond: 8000,
      capacityPerLane: 1000,
      lagRecords: 0,
      lagMs: 0,
      predictedLagMs: 52_500,
      neededLanes: 14,
      horizonMs: 105_000,
      payBackMs: null,
    })
  })

  it('takes the last worker away after idleAfter, not before, and only where minReplicas is 0', () => {
    const idle = (minReplicas: number) =>
      drive({ input: () => 0, minutes: 30, limits: { minReplicas, idleAfterMs: 10 * minuteMs } })
    const moments = idle(0)
    expect(moments.find(({ decision }) => decision.replicas === 0)!.atMs).to.equal(10 * minuteMs)
    expect(moments.at(-1)!.decision.reason).to.equal('Idle')
    expect(idle(1).every(({ decision }) => decision.replicas === 1)).to.equal(true)
  })

  it('waits with that for a lane that works at something else, and no longer than twice as long', () => {
    const idle = (minutes: number, busyShare: number): string => {
      const observed = observe({
        limits: { minReplicas: 0, idleAfterMs: 10 * minuteMs },
        input: even(16, 0),
        state: { ...learned, idleSinceMs: startMs - minutes * minuteMs },
      })
      const { splits, lanes } = observed.measurements
      const measurements = { splits, lanes: lanes.map(lane => ({ ...lane, busyShare })) }
      return decideSize({ ...observed, measurements }).reason
    }
    expect(idle(10, 0.1)).to.equal('Idle')
    expect(idle(19, 0.8)).to.not.equal('Idle')
    expect(idle(20, 0.8)).to.equal('Idle')
  })

  it('starts workers again with what it had learned when there is input', () => {
    const moments = drive({
      input: sinceMs => (sinceMs < 5 * minuteMs ? 1500 : sinceMs < 40 * minuteMs ? 0 : 5000),
      minutes: 45,
      limits: { minReplicas: 0, idleAfterMs: 10 * minuteMs },
    })
    const woken = moments.find(({ atMs }) => atMs === 40 * minuteMs)!
    expect(moments.find(({ atMs }) => atMs === 39 * minuteMs)!.decision.replicas).to.equal(0)
    expect(woken.decision.reason).to.equal('Waking')
    expect(woken.decision.replicas).to.be.at.least(2)
  })

  it('stays blind for minutes as it was, and then takes a reserve once and no more', () => {
    const moments = drive({
      input: () => 3800,
      minutes: 120,
      replicas: 2,
      blind: sinceMs => sinceMs > 10 * minuteMs,
    })
    const blind = moments.filter(({ decision }) => decision.reason === 'MetricsStale')
    expect(blind[0]!.decision.replicas).to.equal(2)
    expect(changes(blind)).to.equal(1)
    expect(blind.at(-1)!.decision.replicas).to.equal(3)
  })

  it('takes a smaller size only when less has been enough for as long as that pays', () => {
    const moments = drive({ input: () => 3000, minutes: 60, replicas: 8 })
    const [first] = moments.filter(({ decision }) => decision.reason === 'Surplus')
    expect(first!.decision.replicas).to.equal(2)
    expect(first!.decision.numbers.payBackMs).to.equal(200_000)
    expect(first!.atMs).to.be.within(200_000, 230_000)
    expect(moments[3]!.decision.reason).to.equal('PayBackPending')
  })

  it('takes nothing away while one split is not measured', () => {
    const needed = Array.from({ length: 50 }, (_, at) => ({
      atMs: startMs - (50 - at) * minuteMs,
      lanes: 2,
      lastingLanes: 2,
    }))
    const observation = observe({
      input: even(16, 800),
      running: { replicas: 8 },
      state: { ...learned, needed },
    })
    expect(decideSize(observation).reason).to.equal('Surplus')
    const [first, ...others] = observation.measurements.splits
    const splits = [{ ...first!, measuredAtMs: startMs - 10 * minuteMs }, ...others]
    const blinded = { ...observation, measurements: { ...observation.measurements, splits } }
    const { replicas, reason } = decideSize(blinded)
    expect([replicas, reason]).to.deep.equal([8, 'MetricsStale'])
  })

  describe('after a change', () => {
    const changed = (readyAgoMs: number | null, askedAgoMs = 200_000) => ({
      ...learned,
      lastChange: {
        atMs: startMs - askedAgoMs,
        from: { replicas: 1, lanes: 2 },
        to: { replicas: 2, lanes: 2 },
        readyAtMs: readyAgoMs === null ? null : startMs - readyAgoMs,
      },
    })
    // By what was learned four lanes are enough; these do half of it.
    const slow: Sketch = { input: even(16, 2200), lagRecords: 10, lagMs: 40_000, capacity: 500 }

    it('waits until its splits have moved and were measured before it believes that it was not enough', () => {
      const believing = { ...changed(30_000), capacity: { perSecond: 1000, spread: 0, atMs: startMs } }
      expect(decideSize(observe({ ...slow, state: believing })).reason).to.equal('CatchingUp')
      const later = { ...changed(120_000), capacity: believing.capacity }
      const decision = decideSize(observe({ ...slow, state: later }))
      expect([decision.reason, decision.replicas]).to.deep.equal(['LagAhead', 3])
    })

    it('does not ask for a little more while what was asked for starts', () => {
      const starting: Sketch = { input: even(64, 6500), running: { replicas: 4, readyReplicas: 2 } }
      const { reason, replicas, numbers } = decideSize(observe({ ...starting, state: changed(null, 30_000) }))
      expect([reason, replicas]).to.deep.equal(['Starting', 4])
      expect(numbers.neededLanes).to.be.above(8)
    })

    it('learns how long pods take to start, and looks as far ahead', () => {
      const { state, numbers } = decideSize(observe({ state: changed(null, 160_000) }))
      expect(state.startUpMs).to.be.closeTo(90_000, 1e-6)
      expect(state.lastChange!.readyAtMs).to.equal(startMs)
      expect(numbers.horizonMs).to.be.closeTo(135_000, 1e-6)
    })
  })

  it('is slower to shrink after a smaller size broke maxLag within the hour', () => {
    // A batch every quarter of an hour, each as much as the present size takes minutes for.
    const moments = drive({
      input: sinceMs => (sinceMs % (15 * minuteMs) < 30_000 ? 25_000 : 1000),
      minutes: 12 * 60,
    })
    // Twice for each batch, were nothing learned: 24 in six hours.
    const later = moments.slice(moments.length / 2)
    expect(changes(later)).to.be.below(24)
  })
})
