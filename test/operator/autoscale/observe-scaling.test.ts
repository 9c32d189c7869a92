import { expect } from 'chai'
import { decideSize } from '#master/autoscale/decide.ts'
import { observeScaling } from '#operator/autoscale/observe-scaling.ts'
import { createOperatorMetrics } from '#operator/metrics.ts'
import { observe } from '#test/master/autoscale/observations.ts'

describe('observeScaling', () => {
  it('tells what was decided of each job and by which numbers, and nothing of one that is scaled no more', async () => {
    const metrics = createOperatorMetrics()
    const told = async (): Promise<string[]> =>
      (await metrics.expose()).split('\n').filter(line => /^sluice_autoscaler_.*\{/.test(line))
    observeScaling([['shop/gone', decideSize(observe())]], metrics)
    observeScaling([['shop/well', decideSize(observe())]], metrics)
    expect(await told()).to.deep.equal([
      'sluice_autoscaler_desired_replicas{job="shop/well"} 2',
      'sluice_autoscaler_needed_lanes{job="shop/well"} 4',
      'sluice_autoscaler_input_records_per_second{job="shop/well"} 1600',
      'sluice_autoscaler_lane_capacity_records_per_second{job="shop/well"} 1000',
      'sluice_autoscaler_predicted_lag_seconds{job="shop/well"} 0',
    ])
    observeScaling([['shop/blind', decideSize(observe({ ageMs: 600_000 }))]], metrics)
    expect(await told()).to.deep.equal(['sluice_autoscaler_desired_replicas{job="shop/blind"} 2'])
  })
})
