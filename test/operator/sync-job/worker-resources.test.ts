import { expect } from 'chai'
import { briefResourcesOf, resourcesOf } from '#operator/sync-job/worker-resources.ts'
import { compiled } from './built.ts'

const job = (worker: object) => compiled({ worker }).job

describe('resources of a worker pod', () => {
  it('grow with its lanes, and with what they may hold', () => {
    const sizes = [{}, { lanes: 1 }, { lanes: 8 }, { bufferSize: '1Gi' }, { bufferSize: '32Mi' }]
    expect(sizes.map(worker => resourcesOf(job(worker)))).to.deep.equal([
      { requests: { cpu: '500m', memory: '512Mi' }, limits: { memory: '1Gi' } },
      { requests: { cpu: '250m', memory: '256Mi' }, limits: { memory: '768Mi' } },
      { requests: { cpu: '2', memory: '2Gi' }, limits: { memory: '2560Mi' } },
      { requests: { cpu: '500m', memory: '1440Mi' }, limits: { memory: '1952Mi' } },
      { requests: { cpu: '500m', memory: '512Mi' }, limits: { memory: '1Gi' } },
    ])
  })

  it('are what the spec says, and by default what it does not say', () => {
    const resources = { limits: { cpu: 2, memory: '3Gi' } }
    expect(resourcesOf(job({ lanes: 4, resources }))).to.deep.equal({
      requests: { cpu: '1', memory: '1Gi' },
      limits: { cpu: '2', memory: '3Gi' },
    })
    expect(resourcesOf(job({ resources: {} }))).to.deep.equal(resourcesOf(job({})))
  })

  it('go together where the spec says only one side', () => {
    expect(resourcesOf(job({ resources: { limits: { cpu: '100m', memory: '400Mi' } } }))).to.deep.equal({
      requests: { cpu: '100m', memory: '400Mi' },
      limits: { cpu: '100m', memory: '400Mi' },
    })
    expect(resourcesOf(job({ resources: { requests: { memory: '4Gi' } } }))).to.deep.equal({
      requests: { cpu: '500m', memory: '4Gi' },
      limits: { memory: '4Gi' },
    })
  })

  it('are less for a pod that only looks, but for the limit', () => {
    expect(briefResourcesOf(job({ lanes: 4 }))).to.deep.equal({
      requests: { cpu: '50m', memory: '64Mi' },
      limits: { memory: '1536Mi' },
    })
  })
})
