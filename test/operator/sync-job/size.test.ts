import { expect } from 'chai'
import { isShared, requireMaster, workersOf } from '#operator/sync-job/size.ts'
import type { Json } from '../fake-api-store.ts'
import { compiled } from './built.ts'

describe('workersOf', () => {
  const workers = (changes: Json, desiredReplicas?: number): number =>
    workersOf(
      compiled(changes).job.spec,
      desiredReplicas === undefined
        ? undefined
        : { autoscaling: { desiredReplicas, reason: 'Steady', message: '' } },
    )

  it('is what the job has at least, until something was decided', () => {
    expect(workers({ autoscaling: { minReplicas: 3, maxReplicas: 5 } })).to.equal(3)
  })

  it('is what was decided, within what the spec allows now', () => {
    const autoscaling = { minReplicas: 2, maxReplicas: 5 }
    expect(workers({ autoscaling }, 4)).to.equal(4)
    expect(workers({ autoscaling }, 9)).to.equal(5)
    expect(workers({ autoscaling }, 1)).to.equal(2)
  })

  it('is none only where that was decided, and may be', () => {
    const autoscaling = { minReplicas: 0, maxReplicas: 5 }
    expect(workers({ autoscaling })).to.equal(1)
    expect(workers({ autoscaling }, 0)).to.equal(0)
    expect(workers({ autoscaling: { maxReplicas: 5 } }, 0)).to.equal(1)
    for (const mode of ['Manual', 'DryRun'])
      expect(workers({ autoscaling: { ...autoscaling, mode } }, 0), mode).to.equal(1)
  })

  it('is what the spec says where the operator does not decide', () => {
    for (const mode of ['Manual', 'DryRun']) {
      const autoscaling = { mode, minReplicas: 2, maxReplicas: 5 }
      expect(workers({ autoscaling, replicas: 7 }, 4)).to.equal(7)
      expect(workers({ autoscaling }, 4)).to.equal(2)
    }
  })
})

describe('isShared', () => {
  it('holds of a job that may have more than one worker, also while it has one', () => {
    expect(isShared(compiled().job.spec)).to.equal(false)
    expect(isShared(compiled({ autoscaling: { maxReplicas: 2 } }).job.spec)).to.equal(true)
    const idle = { autoscaling: { minReplicas: 0 } }
    expect(isShared(compiled(idle).job.spec), 'it tells the master how much it reads').to.equal(true)
    const scaledByOthers = { autoscaling: { mode: 'Manual' }, replicas: 1 }
    expect(isShared(compiled(scaledByOthers).job.spec), 'or soon more').to.equal(true)
  })
})

describe('requireMaster', () => {
  it('refuses several workers where nobody would say which reads what', () => {
    const { spec } = compiled({ autoscaling: { maxReplicas: 2 } }).job
    expect(() => requireMaster(spec, null)).to.throw('maxReplicas: workers that share a job ask the operator')
    requireMaster(spec, 'http://master:9465')
    const idle = compiled({ autoscaling: { minReplicas: 0 } }).job.spec
    expect(() => requireMaster(idle, null)).to.throw('minReplicas: workers tell the operator when their job')
    requireMaster(idle, 'http://master:9465')
    requireMaster(compiled().job.spec, null)
  })
})
