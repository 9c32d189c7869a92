import { expect } from 'chai'
import type { Split } from '#connectors/connector.ts'
import type { GrantedTable } from '#worker/lane-protocol.ts'
import { phaseOf, shareOf } from '#worker/job-share.ts'

const split = (id: string, part: Partial<Split> = {}): Split => {
  return { id, tables: ['t'], bounded: false, stage: 1, weight: 1, ...part }
}
const tables = [{ source: { name: 't' } }] as unknown as GrantedTable[]

describe('shareOf', () => {
  it('is what the master gives, of tables that are there', () => {
    const reading = [
      split('a'),
      split('b', { tables: ['dropped'] }),
      split('log', { tables: ['dropped', 't'] }),
    ]
    expect(shareOf({ reading }, null, tables).map(({ id }) => id)).to.deep.equal(['a', 'log'])
  })

  it('is for the planner what it found itself, as far as the master gives it', () => {
    const found = [split('a', { detail: 'new' }), split('c')]
    const reading = [split('a', { detail: 'old' }), split('gone')]
    expect(shareOf({ reading }, found, tables)).to.deep.equal([split('a', { detail: 'new' })])
  })
})

describe('the phase of a worker', () => {
  it('follows from what it reads', () => {
    expect(phaseOf([split('a', { bounded: true })])).to.equal('snapshot')
    expect(phaseOf([split('a', { bounded: true }), split('log')])).to.equal('streaming')
    expect(phaseOf([])).to.equal('stopped')
  })

  it('is streaming where others have it all, and starting before the master has spoken', () => {
    expect(phaseOf([], { isAssigned: true })).to.equal('streaming')
    expect(phaseOf([], { isAssigned: false })).to.equal('starting')
    expect(phaseOf([split('a', { bounded: true })], { isAssigned: true })).to.equal('snapshot')
  })
})
