import { expect } from 'chai'
import { clashingFileGroup, usesNoFileGroup } from '#lake/journal/clash.ts'
import type { FileGroupUse } from '#lake/journal/entry.ts'

const uses = ['created', 'rewritten', 'logged', 'compacted', 'replaced'] as const

/** For each use, what others may do to the same group meanwhile. */
const harmless = {
  1: { created: [], rewritten: [], logged: ['logged'], compacted: [], replaced: [] },
  2: {
    created: [],
    rewritten: [],
    logged: ['created', 'rewritten', 'logged', 'compacted'],
    compacted: ['logged'],
    replaced: [],
  },
} as const

describe('clashes of file groups', () => {
  for (const layout of [1, 2] as const)
    for (const mine of uses)
      for (const theirs of uses) {
        const clashes = !(harmless[layout][mine] as readonly string[]).includes(theirs)
        it(`layout ${layout}: ${mine} ${clashes ? 'clashes with' : 'goes with'} ${theirs}`, () => {
          const staged: FileGroupUse = { [mine]: ['a', 'b'] }
          expect(clashingFileGroup(staged, { [theirs]: ['b', 'c'] }, layout)).to.equal(clashes ? 'b' : null)
          expect(clashingFileGroup(staged, { [theirs]: ['c'] }, layout)).to.equal(null)
        })
      }

  it('cannot come of a step without file groups', () => {
    expect(usesNoFileGroup({})).to.equal(true)
    expect(usesNoFileGroup({ created: [] })).to.equal(true)
    expect(usesNoFileGroup({ logged: ['a'] })).to.equal(false)
  })
})
