import { expect } from 'chai'
import type { Plan } from '#api/plan.ts'
import { dataSourceKeysOf } from '#operator/caches.ts'
import { ObjectCache } from '#operator/kube/object-cache.ts'
import type { Job, SyncJobObject } from '#operator/resources.ts'
import type { Component } from '#operator/sync-job/names.ts'
import { jobIndexKey, jobKeyOf, labelsOf } from '#operator/sync-job/names.ts'
import { SourceVisits } from '#operator/sync-job/source-visits.ts'
import { shopToLake } from './fixtures.ts'

let versions = 0

function visit(job: string, component: Component, ended?: 'Complete'): Job {
  const metadata = {
    name: `${job}-${component}`,
    namespace: 'shop',
    uid: `${job}-${component}`,
    resourceVersion: String(++versions),
    labels: labelsOf(job, component),
  }
  const status = ended && { status: { conditions: [{ type: ended, status: 'True' }] } }
  return { apiVersion: 'batch/v1', kind: 'Job', metadata, spec: { template: {} }, ...status } as Job
}

function planOf(name: string, connections: number | null = 8): Plan {
  const source = { name: 'shop-db', ...(connections !== null && { limits: { connections } }) }
  return { job: { namespace: 'shop', name }, source } as unknown as Plan
}

describe('visits to a source with a limit of connections', () => {
  let nowMs: number
  let jobs: ObjectCache<Job>
  let visits: SourceVisits
  beforeEach(() => {
    nowMs = 0
    jobs = new ObjectCache<Job>({ job: jobKeyOf })
    const syncJobs = new ObjectCache<SyncJobObject>({
      dataSource: dataSourceKeysOf,
      job: job => [jobIndexKey(job)],
    })
    for (const name of ['a', 'b', 'c']) {
      const { metadata, ...rest } = shopToLake()
      const own = { ...metadata, name, uid: name, resourceVersion: String(++versions) }
      syncJobs.upsert({ ...rest, metadata: own } as SyncJobObject)
    }
    visits = new SourceVisits({ syncJobs, jobs }, { monotonicMs: () => nowMs })
  })

  it('are one check and one teardown at a time, also before the cache has seen them', () => {
    const take = (job: string, component: Component): boolean =>
      visits.take(planOf(job), visit(job, component))
    expect([take('a', 'check'), take('a', 'check'), take('b', 'check')]).to.deep.equal([true, true, false])
    expect([take('b', 'teardown'), take('c', 'teardown')]).to.deep.equal([true, false])
    jobs.upsert(visit('a', 'check'))
    expect(take('b', 'check'), 'now that it has seen it').to.equal(false)
    jobs.upsert(visit('a', 'check', 'Complete'))
    expect([take('b', 'check'), take('c', 'check')]).to.deep.equal([true, false])
    visits.giveBack(visit('b', 'check'))
    expect(take('c', 'check'), 'when it could not be begun').to.equal(true)
  })

  it('are not held for ever by one that was deleted before anybody saw it', () => {
    visits.take(planOf('a'), visit('a', 'check'))
    nowMs = 61_000
    expect(visits.take(planOf('b'), visit('b', 'check'))).to.equal(true)
  })

  it('are as many as there are without such a limit', () => {
    for (const job of ['a', 'b'])
      for (const plan of [planOf(job, null), { ...planOf(job), source: { name: 'shop-db', limits: {} } }])
        expect(visits.take(plan as Plan, visit(job, 'check'))).to.equal(true)
  })
})
