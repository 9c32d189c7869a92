import { expect } from 'chai'
import fc from 'fast-check'
import { decideSize } from '#master/autoscale/decide.ts'
import { totalLanes } from '#master/autoscale/model.ts'
import { changes, drive } from './fluid-job.ts'
import { learned, limits, observe, startMs } from './observations.ts'
import type { Sketch } from './observations.ts'

const minuteMs = 60_000

describe('decideSize, always', () => {
  const rates = fc.array(fc.double({ min: 0, max: 3000, noNaN: true }), { minLength: 1, maxLength: 40 })
  const sketches: fc.Arbitrary<Sketch> = fc.record({
    input: rates,
    running: fc
      .record({ replicas: fc.nat(12), lanes: fc.integer({ min: 1, max: 6 }), missing: fc.nat(3) })
      .map(({ missing, ...size }) => ({ ...size, readyReplicas: Math.max(0, size.replicas - missing) })),
    limits: fc
      .record({
        minReplicas: fc.nat(6),
        more: fc.nat(6),
        lanesMax: fc.integer({ min: 1, max: 4 }),
        idle: fc.boolean(),
      })
      .map(({ minReplicas, more, lanesMax, idle }) => ({
        minReplicas,
        maxReplicas: Math.max(1, minReplicas + more),
        lanesMax,
        idleAfterMs: idle ? minuteMs : null,
      })),
    lagRecords: fc.oneof(fc.constant(0), fc.double({ min: 0, max: 1e7, noNaN: true })),
    lagMs: fc.oneof(fc.constant(0), fc.double({ min: 0, max: 1e7, noNaN: true })),
    blockedShare: fc.double({ min: 0, max: 1, noNaN: true }),
    settled: fc.boolean(),
    ageMs: fc.oneof(fc.constant(0), fc.nat(10 * minuteMs)),
    state: fc.constantFrom(null, learned),
  })

  it('stays within the limits, and has no worker only where that is allowed', () => {
    fc.assert(
      fc.property(sketches, sketch => {
        const observation = observe(sketch)
        const { replicas, lanes } = decideSize(observation)
        const { minReplicas, maxReplicas, lanesMax, idleAfterMs } = observation.limits
        expect(replicas).to.be.within(
          idleAfterMs === null ? Math.max(1, minReplicas) : minReplicas,
          maxReplicas,
        )
        expect(lanes).to.be.within(1, lanesMax)
      }),
      { numRuns: 2000 },
    )
  })

  it('never takes a lane away by old measurements', () => {
    fc.assert(
      fc.property(sketches, fc.integer({ min: 90_000, max: 3_600_000 }), (sketch, ageMs) => {
        const observation = observe({ ...sketch, ageMs })
        const { running, limits: bounds } = observation
        fc.pre(running.replicas <= bounds.maxReplicas && running.lanes <= bounds.lanesMax)
        const decision = decideSize(observation)
        expect(totalLanes(decision)).to.be.at.least(totalLanes(running))
        expect(decision.reason).to.be.oneOf(['MetricsStale', 'OutOfBounds'])
      }),
      { numRuns: 1000 },
    )
  })

  it('never takes a lane away by measurements of only some splits', () => {
    fc.assert(
      fc.property(sketches, sketch => {
        const observation = observe({ ...sketch, ageMs: 0, limits: { ...sketch.limits, idleAfterMs: null } })
        const { running, limits: bounds, measurements } = observation
        fc.pre(running.replicas <= bounds.maxReplicas && running.lanes <= bounds.lanesMax)
        const [first, ...others] = measurements.splits
        const splits = [{ ...first!, measuredAtMs: startMs - 10 * minuteMs }, ...others]
        const decision = decideSize({ ...observation, measurements: { ...measurements, splits } })
        expect(totalLanes(decision)).to.be.at.least(totalLanes(running))
      }),
      { numRuns: 1000 },
    )
  })

  it('gives no less for more load', () => {
    fc.assert(
      fc.property(sketches, fc.double({ min: 1, max: 4, noNaN: true }), (sketch, factor) => {
        const calm = { ...sketch, ageMs: 0, blockedShare: 0, lagRecords: 0, lagMs: 0, state: learned }
        const fewer = decideSize(observe(calm))
        const more = decideSize(observe({ ...calm, input: sketch.input!.map(rate => rate * factor) }))
        fc.pre(fewer.reason !== 'Idle')
        expect(totalLanes(more)).to.be.at.least(totalLanes(fewer))
      }),
      { numRuns: 2000 },
    )
  })

  it('gives the same answer to the same question, and a state that survives JSON', () => {
    fc.assert(
      fc.property(sketches, sketch => {
        const observation = observe(sketch)
        const decision = decideSize(observation)
        expect(decideSize(observation)).to.deep.equal(decision)
        expect(JSON.parse(JSON.stringify(decision))).to.deep.equal(decision)
      }),
    )
  })

  it('changes nothing under a steady load once it has the size for it', () => {
    fc.assert(
      fc.property(
        fc.double({ min: 200, max: 24_000, noNaN: true }),
        fc.integer({ min: 1, max: 16 }),
        (rate, replicas) => {
          const moments = drive({ input: () => rate, minutes: 240, replicas })
          const settled = moments.filter(({ atMs }) => atMs > 120 * minuteMs)
          expect(changes(settled)).to.equal(0)
          expect(Math.max(...settled.map(({ lagMs }) => lagMs))).to.be.at.most(limits.maxLagMs)
        },
      ),
      { numRuns: 15 },
    )
  })

  it('does not flap under a load that is steady but for its noise', () => {
    fc.assert(
      fc.property(fc.double({ min: 500, max: 20_000, noNaN: true }), fc.nat(1000), (rate, seed) => {
        const noise = (sinceMs: number): number => 1 + 0.05 * Math.sin(sinceMs * 7919 + seed)
        const moments = drive({ input: sinceMs => rate * noise(sinceMs), minutes: 480, replicas: 8 })
        expect(changes(moments)).to.be.at.most(4)
      }),
      { numRuns: 10 },
    )
  })

  it('leaves a lag above maxLag within minutes where there is capacity to spare', () => {
    fc.assert(
      fc.property(
        fc.double({ min: 500, max: 16_000, noNaN: true }),
        fc.double({ min: 60, max: 600, noNaN: true }),
        fc.integer({ min: 1, max: 16 }),
        (rate, lagSeconds, replicas) => {
          const backlog = rate * lagSeconds
          const moments = drive({ input: () => rate, minutes: 40, backlog, replicas })
          // Twice the time to start, and the backlog at what the largest size has to spare, and a margin.
          const boundMs = 4 * minuteMs + (2000 * backlog) / (32_000 - rate)
          const after = moments.filter(({ atMs }) => atMs > boundMs)
          expect(Math.max(...after.map(({ lagMs }) => lagMs))).to.be.at.most(limits.maxLagMs)
        },
      ),
      { numRuns: 60 },
    )
  })
})
