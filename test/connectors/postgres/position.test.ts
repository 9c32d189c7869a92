import { expect } from 'chai'
import fc from 'fast-check'
import { formatLsn, parseLsn } from '#connectors/postgres/lsn.ts'
import type { SnapshotPosition } from '#connectors/postgres/position.ts'
import {
  comparePositions,
  formatSnapshotPosition,
  isSnapshotSplit,
  parseSnapshotPosition,
  snapshotSplitId,
} from '#connectors/postgres/position.ts'

const lsn = fc.bigInt({ min: 0n, max: (1n << 64n) - 1n })
const oid = fc.nat({ max: 0xffffffff })
const page = fc.nat({ max: 0xfffffffe })
const snapshot: fc.Arbitrary<SnapshotPosition> = fc.oneof(
  fc.record({ relation: oid, fileNode: oid, next: page, end: fc.option(page), consistentPoint: lsn }),
  fc.record({ done: fc.constant(true as const), consistentPoint: lsn }),
)

describe('positions of PostgreSQL splits', () => {
  it('are what they were after being written and read', () => {
    fc.assert(fc.property(lsn, at => void expect(parseLsn(formatLsn(at))).to.equal(at)))
    fc.assert(
      fc.property(
        snapshot,
        at => void expect(parseSnapshotPosition(formatSnapshotPosition(at))).to.deep.equal(at),
      ),
    )
  })

  it('look as PostgreSQL prints them', () => {
    expect(formatLsn(0x16b3748n)).to.equal('0/16B3748')
    expect(formatLsn((7n << 32n) | 0xan)).to.equal('7/A')
    const range = { relation: 16402, fileNode: 16403, next: 128, end: null, consistentPoint: 0x16b3748n }
    expect(formatSnapshotPosition(range)).to.equal('16402.16403:128-*@0/16B3748')
    expect(formatSnapshotPosition({ done: true, consistentPoint: 1n })).to.equal('done@0/1')
  })

  it('of the log are ordered as the log is', () => {
    fc.assert(
      fc.property(
        lsn,
        lsn,
        (a, b) =>
          void expect(Math.sign(comparePositions(formatLsn(a), formatLsn(b)))).to.equal(
            a < b ? -1 : a > b ? 1 : 0,
          ),
      ),
    )
  })

  it('of a range grow with its pages and end with done', () => {
    const range = (next: number): string =>
      formatSnapshotPosition({ relation: 1, fileNode: 1, next, end: null, consistentPoint: 5n })
    fc.assert(
      fc.property(
        page,
        page,
        (a, b) => void expect(comparePositions(range(a), range(b))).to.equal(Math.sign(a - b)),
      ),
    )
    fc.assert(
      fc.property(page, a => {
        const done = formatSnapshotPosition({ done: true, consistentPoint: 5n })
        expect(comparePositions(range(a), done)).to.equal(-1)
        expect(comparePositions(done, done)).to.equal(0)
      }),
    )
  })

  it('that are not ours are refused', () => {
    for (const text of ['', '0', 'x/y', '1/2/3', '123456789/0']) expect(() => parseLsn(text), text).to.throw()
    for (const text of ['done', '1.2:3@0/1', '1.2:3-4', '0/1'])
      expect(() => parseSnapshotPosition(text), text).to.throw()
  })

  it('belong to splits whose names say what they are', () => {
    expect(snapshotSplitId('public.orders', 3, null)).to.equal('snapshot/public.orders/3')
    expect(snapshotSplitId('public.orders', 3, 0x16b3748n)).to.equal('snapshot/public.orders/0-16B3748/3')
    expect(isSnapshotSplit('snapshot/a/0')).to.equal(true)
    expect(isSnapshotSplit('log')).to.equal(false)
  })
})
