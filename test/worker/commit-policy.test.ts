import { expect } from 'chai'
import type { Waiting } from '#worker/commit-policy.ts'
import { commitLimits, decideCommit, dueAtMs } from '#worker/commit-policy.ts'

const limits = {
  commitIntervalMs: 1500,
  commitRestFactor: 0,
  commitBytesMax: 1000,
  stagedBytesMax: Infinity,
  stageBytesMax: 1000,
  commitHeldBytes: 0,
  fileBytesMax: Infinity,
  advanceIntervalMs: 30_000,
}
const nothing: Waiting = {
  rows: 0,
  bytes: 0,
  stagedRows: 0,
  stagedBytes: 0,
  insideTransaction: false,
  positionsMoved: false,
  committedAtMs: null,
  commitMs: 0,
  advancedAtMs: 0,
  pressed: false,
}
const someRows: Waiting = { ...nothing, rows: 5, bytes: 50, positionsMoved: true }

const cases: { name: string; waiting: Waiting; nowMs: number; draining?: boolean; action: string }[] = [
  { name: 'nothing to do', waiting: nothing, nowMs: 1e6, action: 'wait' },
  { name: 'the first rows after a quiet time go out at once', waiting: someRows, nowMs: 1, action: 'commit' },
  {
    name: 'more rows within the interval wait',
    waiting: { ...someRows, committedAtMs: 1000 },
    nowMs: 2000,
    action: 'wait',
  },
  {
    name: 'the interval is over',
    waiting: { ...someRows, committedAtMs: 1000 },
    nowMs: 2500,
    action: 'commit',
  },
  {
    name: 'enough bytes do not wait',
    waiting: { ...someRows, bytes: 1000, committedAtMs: 1000 },
    nowMs: 1001,
    action: 'commit',
  },
  {
    name: 'readers wait for room',
    waiting: { ...someRows, pressed: true, committedAtMs: 1000 },
    nowMs: 1001,
    action: 'commit',
  },
  {
    name: 'inside a transaction nothing is committed',
    waiting: { ...someRows, insideTransaction: true },
    nowMs: 1e6,
    action: 'wait',
  },
  {
    name: 'a large transaction is written while it comes',
    waiting: { ...someRows, insideTransaction: true, bytes: 1000 },
    nowMs: 1,
    action: 'stage',
  },
  {
    name: 'a transaction over many tables is written when there is no room',
    waiting: { ...someRows, insideTransaction: true, pressed: true },
    nowMs: 1,
    action: 'stage',
  },
  {
    name: 'staged rows are committed when the transaction ends',
    waiting: { ...nothing, stagedRows: 9, positionsMoved: true },
    nowMs: 1,
    action: 'commit',
  },
  {
    name: 'positions alone wait for their interval',
    waiting: { ...nothing, positionsMoved: true, advancedAtMs: 100 },
    nowMs: 200,
    action: 'wait',
  },
  {
    name: 'positions alone move on',
    waiting: { ...nothing, positionsMoved: true, advancedAtMs: 100 },
    nowMs: 30_100,
    action: 'advance',
  },
  {
    name: 'draining commits rows',
    waiting: { ...someRows, committedAtMs: 1000 },
    nowMs: 1001,
    draining: true,
    action: 'commit',
  },
  {
    name: 'draining keeps positions',
    waiting: { ...nothing, positionsMoved: true },
    nowMs: 1,
    draining: true,
    action: 'advance',
  },
  {
    name: 'draining leaves half a transaction',
    waiting: { ...someRows, insideTransaction: true },
    nowMs: 1,
    draining: true,
    action: 'wait',
  },
]

describe('commit policy', () => {
  for (const { name, waiting, nowMs, draining, action } of cases)
    it(`${name}: ${action}`, () => {
      expect(decideCommit(waiting, limits, nowMs, draining ?? false)).to.equal(action)
    })

  it('never asks to be woken in the past and then waits: that would spin', () => {
    for (const { waiting, nowMs } of cases)
      if (decideCommit(waiting, limits, nowMs, false) === 'wait')
        expect(dueAtMs(waiting, limits)).to.be.greaterThan(nowMs)
  })

  it('commits well within the freshness asked for', () => {
    for (const freshnessMs of [500, 5000, 60_000])
      expect(commitLimits(freshnessMs, 1e6, { bulk: false, rewrites: false }).commitIntervalMs).to.be.at.most(
        freshnessMs / 3,
      )
  })

  describe('of a table whose commits write it anew', () => {
    const rewriting = commitLimits(10_000, 3000, { bulk: false, rewrites: true })
    const decide = (waiting: Waiting, nowMs: number): string => decideCommit(waiting, rewriting, nowMs, false)

    it('leaves room by staging, not by committing', () => {
      expect(decide({ ...someRows, pressed: true, committedAtMs: 1000 }, 1001)).to.equal('stage')
      expect(decide({ ...someRows, bytes: 1000, committedAtMs: 1000 }, 1001)).to.equal('stage')
    })

    it('commits when what is staged grows large', () => {
      const waiting = { ...someRows, stagedRows: 9, stagedBytes: 2950, committedAtMs: 1000 }
      expect(decide(waiting, 1001)).to.equal('commit')
    })

    it('rests the longer the more a commit takes', () => {
      const waiting = { ...someRows, committedAtMs: 1000, commitMs: 5000 }
      expect(decide(waiting, 7001)).to.equal('wait')
      expect(decide(waiting, 16_000)).to.equal('commit')
      expect(decide({ ...waiting, commitMs: 10 }, 7001)).to.equal('commit')
    })
  })
})
