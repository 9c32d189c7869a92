import { expect } from 'chai'
import fc from 'fast-check'
import type { Leaf } from '#connectors/postgres/snapshot-plan.ts'
import { cutRanges } from '#connectors/postgres/snapshot-plan.ts'

const leaf = (pages: number, relation = 1): Leaf => ({
  relation,
  fileNode: relation,
  pages,
  hasToast: false,
  kind: 'r',
})

describe('page ranges', () => {
  it('cover every leaf once, in order, and leave its end open', () => {
    fc.assert(
      fc.property(
        fc.array(fc.nat({ max: 5_000_000 }), { minLength: 1, maxLength: 5 }),
        fc.integer({ min: 1, max: 2 ** 30 }),
        (sizes, rangeBytes) => {
          const ranges = cutRanges(
            sizes.map((pages, index) => leaf(pages, index)),
            rangeBytes,
            true,
          )
          expect(ranges.length).to.be.at.most(1024 + sizes.length)
          for (const index of sizes.keys()) {
            const own = ranges.filter(range => range.leaf.relation === index)
            expect(own.length).to.be.at.least(1)
            expect(own[0]!.next).to.equal(0)
            expect(own.at(-1)!.end).to.equal(null)
            for (const [at, range] of own.slice(0, -1).entries())
              expect(range.end).to.equal(own[at + 1]!.next)
          }
        },
      ),
    )
  })

  it('are of the size asked for, and one where the server cannot scan a range of pages', () => {
    expect(cutRanges([leaf(1000)], 8192 * 100, true)).to.have.length(10)
    expect(cutRanges([leaf(1000)], 8192 * 100, false)).to.have.length(1)
    expect(cutRanges([leaf(0)], 8192 * 100, true)).to.have.length(1)
  })
})
