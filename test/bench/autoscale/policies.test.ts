import { expect } from 'chai'
import { flink } from '#bench/autoscale/flink-policy.ts'
import { keda } from '#bench/autoscale/keda-policy.ts'
import type { Policy } from '#bench/autoscale/policy.ts'
import { even, observe } from '../../master/autoscale/observations.ts'
import type { Sketch } from '../../master/autoscale/observations.ts'

const minuteMs = 60_000
const limits = { maxReplicas: 16 }

/** Asks every 15 seconds under the same conditions: the first other size that it answers, or the present one. */
function ask(policy: Policy, sketch: Sketch, fromMs: number, untilMs: number): number {
  const present = sketch.running?.replicas ?? 2
  for (let nowMs = fromMs; nowMs <= untilMs; nowMs += 15_000) {
    const { replicas } = policy.decide(observe({ ...sketch, limits, nowMs }))
    if (replicas !== present) return replicas
  }
  return present
}

describe('the KEDA policy', () => {
  const lag = (lagRecords: number): Sketch => ({ input: even(16, 1600), lagRecords: lagRecords / 16 })

  it('has a replica for each threshold of lag', () => {
    expect(ask(keda(10_000).make(), lag(35_000), 0, 0)).to.equal(4)
  })

  it('does nothing within a tenth', () => {
    expect(ask(keda(10_000).make(), lag(21_900), 0, 0)).to.equal(2)
    expect(ask(keda(10_000).make(), lag(22_100), 0, 0)).to.equal(3)
  })

  it('adds four pods at once, or as many as there are', () => {
    expect(ask(keda(1000).make(), lag(16_000), 0, 0)).to.equal(6)
    expect(ask(keda(1000).make(), { ...lag(16_000), running: { replicas: 5 } }, 0, 0)).to.equal(10)
  })

  it('goes down to the most of the last five minutes', () => {
    const policy = keda(10_000).make()
    const four = { running: { replicas: 4 } }
    expect(ask(policy, { ...lag(40_000), ...four }, 0, 0)).to.equal(4)
    expect(ask(policy, { ...lag(10_000), ...four }, 15_000, 299_000)).to.equal(4)
    expect(ask(policy, { ...lag(10_000), ...four }, 300_000, 300_000)).to.equal(1)
  })

  it('leaves everything as it is without metrics', () => {
    expect(ask(keda(10_000).make(), { ...lag(0), ageMs: 2 * minuteMs }, 0, 20 * minuteMs)).to.equal(2)
  })
})

describe('the Flink policy', () => {
  const terms = {
    windowMs: 5 * minuteMs,
    stabilizationMs: minuteMs,
    catchUpMs: 5 * minuteMs,
    restartMs: minuteMs,
    scaleDownDelayMs: 15 * minuteMs,
  }
  const policy = (): Policy => flink('Flink', terms).make()
  // 64 splits on four lanes: 3,000/s of the 4,000 that they can.
  const calm: Sketch = { input: even(64, 3000) }

  it('does nothing while utilization is in its band', () => {
    expect(ask(policy(), calm, 0, 60 * minuteMs)).to.equal(2)
  })

  it('takes what the target rate asks for, after a window', () => {
    const busy: Sketch = { input: even(64, 4000) }
    expect(ask(policy(), busy, 0, 4 * minuteMs)).to.equal(2)
    // ceil(2 · (4,000/0.7 + 4,000 · 1/5) / 4,000)
    expect(ask(policy(), busy, 0, 5 * minuteMs)).to.equal(4)
  })

  it('adds what catching up needs', () => {
    // 4,000/0.7 + 4,000/5 + 600,000 records in five minutes = 8,514, of 2,000 a replica
    expect(ask(policy(), { input: even(64, 4000), lagRecords: 600_000 / 64 }, 0, 5 * minuteMs)).to.equal(5)
  })

  it('goes down after the delay, to 0.4 of what there is at least', () => {
    const idle: Sketch = { input: even(64, 1000), running: { replicas: 8 } }
    expect(ask(policy(), idle, 0, 19 * minuteMs)).to.equal(8)
    expect(ask(policy(), idle, 0, 20 * minuteMs)).to.equal(4)
  })

  it('leaves everything as it is without metrics', () => {
    expect(ask(policy(), { ...calm, ageMs: 2 * minuteMs }, 0, 60 * minuteMs)).to.equal(2)
  })
})
