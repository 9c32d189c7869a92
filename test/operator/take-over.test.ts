import { expect } from 'chai'
import type { SyncJobObject } from '#operator/resources.ts'
import { LateChanges, firstLooks } from '#operator/take-over.ts'
import { ManualClock } from './manual-clock.ts'

const well = [{ type: 'Ready', status: 'True', reason: 'Streaming' }]

function job(name: string, { seen = 1, conditions = well, deleted = false } = {}): SyncJobObject {
  const metadata = { name, namespace: 'shop', generation: 1, ...(deleted && { deletionTimestamp: 'now' }) }
  const status = { observedGeneration: seen, conditions }
  return { apiVersion: 'x', kind: 'SyncJob', metadata, spec: {}, status } as unknown as SyncJobObject
}

describe('What a new leader looks at first', () => {
  it('is what changed, then what is not well, and then all others', () => {
    const failing = [{ type: 'Ready', status: 'False', reason: 'SOURCE_UNREACHABLE' }]
    const held = [...well, { type: 'RolledOut', status: 'False', reason: 'TABLE_NOT_FOUND' }]
    const suspended = [{ type: 'Ready', status: 'False', reason: 'Suspended' }]
    const jobs = [
      job('well'),
      job('suspended', { conditions: suspended }),
      job('failing', { conditions: failing }),
      job('held', { conditions: held }),
      job('new', { conditions: [] }),
      job('around-it'),
      job('edited', { seen: 0 }),
      job('deleted', { deleted: true }),
    ]
    const looks = firstLooks(jobs, new Set(['shop/around-it', 'shop/is-gone']))
    expect(looks.map(({ key, priority }) => `${priority} ${key}`)).to.deep.equal([
      'high shop/edited',
      'high shop/deleted',
      'high shop/around-it',
      'high shop/failing',
      'high shop/held',
      'high shop/new',
      'low shop/well',
      'low shop/suspended',
    ])
  })

  it('is not what changed longer than a minute ago', async () => {
    const clock = new ManualClock()
    const late = new LateChanges(clock)
    late.note('once')
    late.note('twice')
    await clock.advance(50_000)
    late.note('twice')
    await clock.advance(50_000)
    expect([...late.take()]).to.deep.equal(['twice'])
    expect([...late.take()], 'taken').to.deep.equal([])
  })
})
