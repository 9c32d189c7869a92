import { expect } from 'chai'
import type { Condition } from '#operator/kube/conditions.ts'
import { createOperatorMetrics } from '#operator/metrics.ts'
import { observeJobs } from '#operator/observe-jobs.ts'
import type { SyncJobObject } from '#operator/resources.ts'
import { shopToLake } from './sync-job/fixtures.ts'

const condition = (type: string, status: Condition['status'], reason: string): Condition => ({
  type,
  status,
  reason,
  message: '',
  observedGeneration: 1,
  lastTransitionTime: '2026-01-01T00:00:00Z',
})

function job(name: string, conditions: Condition[] | null, spec: unknown = shopToLake().spec): SyncJobObject {
  const status = conditions === null ? {} : { status: { conditions } }
  return { ...shopToLake(), metadata: { name, namespace: 'shop' }, spec, ...status }
}

describe('observeJobs', () => {
  it('tells of each job whether it is ready, and of all of them why not', async () => {
    const metrics = createOperatorMetrics()
    const told = async (name: string): Promise<string[]> =>
      (await metrics.expose()).split('\n').filter(line => line.startsWith(`sluice_operator_${name}{`))
    observeJobs([job('gone', [condition('Ready', 'True', 'Streaming')])], metrics)
    observeJobs(
      [
        job('well', [condition('Ready', 'True', 'Streaming'), condition('RolledOut', 'True', 'RolledOut')]),
        job('held', [
          condition('Ready', 'True', 'Streaming'),
          condition('RolledOut', 'False', 'TABLE_NOT_FOUND'),
        ]),
        job('ill', [condition('Ready', 'Unknown', 'WorkerUnreachable')]),
        job('new', null),
        job('broken', [condition('Ready', 'False', 'SPEC_INVALID')], null),
      ],
      metrics,
    )
    expect(await told('jobs')).to.have.members([
      'sluice_operator_jobs{reason="Streaming"} 2',
      'sluice_operator_jobs{reason="WorkerUnreachable"} 1',
      'sluice_operator_jobs{reason="None"} 1',
      'sluice_operator_jobs{reason="SPEC_INVALID"} 1',
    ])
    const ends = 'source="shop/shop-db",target="shop/lake"'
    expect(await told('job_ready')).to.have.members([
      `sluice_operator_job_ready{job="shop/well",${ends}} 1`,
      `sluice_operator_job_ready{job="shop/held",${ends}} 1`,
      `sluice_operator_job_ready{job="shop/ill",${ends}} 0`,
      `sluice_operator_job_ready{job="shop/new",${ends}} 0`,
      'sluice_operator_job_ready{job="shop/broken",source="",target=""} 0',
    ])
    expect(await told('rollouts_held')).to.deep.equal([
      'sluice_operator_rollouts_held{reason="TABLE_NOT_FOUND"} 1',
    ])
  })
})
