import { expect } from 'chai'
import { workersOf } from '#operator/sync-job/size.ts'
import { compiled } from './built.ts'

describe('workersOf', () => {
  it('is what the job has at least', () => {
    const spec = compiled({ autoscaling: { minReplicas: 3, maxReplicas: 5 } }).job.spec
    expect(workersOf(spec, undefined)).to.equal(3)
  })
})
