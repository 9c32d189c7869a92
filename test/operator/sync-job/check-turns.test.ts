import { expect } from 'chai'
import { ObjectCache } from '#operator/kube/object-cache.ts'
import type { Job } from '#operator/resources.ts'
import { checkIndex, CheckTurns, runningChecks } from '#operator/sync-job/check-turns.ts'
import { labelsOf } from '#operator/sync-job/names.ts'

let versions = 0

function check(name: string, ended?: 'Complete' | 'Failed'): Job {
  return {
    apiVersion: 'batch/v1',
    kind: 'Job',
    metadata: {
      name,
      namespace: 'n',
      uid: name,
      resourceVersion: String(++versions),
      labels: labelsOf(name, 'check'),
    },
    spec: { template: {} },
    ...(ended && { status: { conditions: [{ type: ended, status: 'True' }] } }),
  } as Job
}

describe('the turns of checks', () => {
  let nowMs: number
  let cache: ObjectCache<Job>
  let turns: CheckTurns
  beforeEach(() => {
    nowMs = 0
    cache = new ObjectCache<Job>({ [runningChecks]: checkIndex })
    turns = new CheckTurns(2, cache, { monotonicMs: () => nowMs })
  })

  it('are so many, also before the cache has seen those that were begun', () => {
    expect(['a', 'b', 'c', 'a'].map(name => turns.take(check(name)))).to.deep.equal([true, true, false, true])
    for (const name of ['a', 'b']) cache.upsert(check(name))
    expect(turns.take(check('c')), 'now that it has').to.equal(false)
  })

  it('are free again when a check has ended, however, or could not be begun', () => {
    for (const ended of ['Complete', 'Failed'] as const) {
      for (const name of ['a', 'b']) turns.take(check(name))
      cache.upsert(check('a'))
      cache.upsert(check('a', ended))
      expect(turns.take(check('c')), ended).to.equal(true)
      turns.giveBack(check('c'))
      expect(turns.take(check('d'))).to.equal(true)
      turns = new CheckTurns(2, (cache = new ObjectCache({ [runningChecks]: checkIndex })), {
        monotonicMs: () => nowMs,
      })
    }
  })

  it('are not held for ever by a check that was deleted before anybody saw it', () => {
    for (const name of ['a', 'b']) turns.take(check(name))
    nowMs = 59_000
    expect(turns.take(check('c'))).to.equal(false)
    nowMs = 61_000
    expect(turns.take(check('c'))).to.equal(true)
  })

  it('count the checks that a leader before began, and no other Jobs', () => {
    cache.upsert(check('a'))
    cache.upsert({ ...check('t'), metadata: { ...check('t').metadata, labels: labelsOf('t', 'teardown') } })
    expect(['b', 'c'].map(name => turns.take(check(name)))).to.deep.equal([true, false])
  })
})
