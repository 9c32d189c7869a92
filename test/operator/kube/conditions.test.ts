import { expect } from 'chai'
import { withCondition } from '#operator/kube/conditions.ts'
import type { Condition } from '#operator/kube/conditions.ts'

const ready = { type: 'Ready', status: 'True', reason: 'Streaming', message: 'all is well' } as const

describe('withCondition', () => {
  const first: Condition[] = withCondition([], ready, { generation: 1, nowMs: 1000 })

  it('moves the transition time with the status only', () => {
    const renamed = withCondition(first, { ...ready, reason: 'Snapshotting' }, { generation: 2, nowMs: 9000 })
    expect(renamed).to.deep.equal([
      { ...ready, reason: 'Snapshotting', observedGeneration: 2, lastTransitionTime: '1970-01-01T00:00:01Z' },
    ])
    const turned = withCondition(renamed, { ...ready, status: 'False' }, { generation: 2, nowMs: 9999 })
    expect(turned[0]?.lastTransitionTime).to.equal('1970-01-01T00:00:09Z')
  })

  it('leaves conditions of other types alone', () => {
    const both = withCondition(first, { ...ready, type: 'Progressing' }, { generation: 1, nowMs: 2000 })
    expect(both.map(({ type }) => type)).to.deep.equal(['Ready', 'Progressing'])
    expect(both[0]).to.equal(first[0])
  })
})
