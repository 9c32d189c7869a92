import { expect } from 'chai'
import { isShared, requireMaster, workersOf } from '#operator/sync-job/size.ts'
import { compiled } from './built.ts'

describe('workersOf', () => {
  it('is what the job has at least', () => {
    const spec = compiled({ autoscaling: { minReplicas: 3, maxReplicas: 5 } }).job.spec
    expect(workersOf(spec, undefined)).to.equal(3)
  })
})

describe('isShared', () => {
  it('holds of a job that may have more than one worker, also while it has one', () => {
    expect(isShared(compiled().job.spec)).to.equal(false)
    expect(isShared(compiled({ autoscaling: { maxReplicas: 2 } }).job.spec)).to.equal(true)
  })
})

describe('requireMaster', () => {
  it('refuses several workers where nobody would say which reads what', () => {
    const { spec } = compiled({ autoscaling: { maxReplicas: 2 } }).job
    expect(() => requireMaster(spec, null)).to.throw('maxReplicas: workers that share a job ask the operator')
    requireMaster(spec, 'http://master:9465')
    requireMaster(compiled().job.spec, null)
  })
})
