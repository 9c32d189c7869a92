import { expect } from 'chai'
import fc from 'fast-check'
import type { BinaryVector } from '#catalog/column.ts'
import { KeyIndex } from '#lake/reader/key-index.ts'
import type { MergeMode } from '#lake/reader/merge.ts'
import { alwaysDeletes, LogMerge } from '#lake/reader/merge.ts'
import { vectorOf } from '../table/vectors.ts'

function keysOf(...names: string[]): BinaryVector {
  return vectorOf({ kind: 'string' }, names) as BinaryVector
}

/** The base file has key k with ordering 100; each step is one log record of k. */
function readsAs(
  mode: MergeMode,
  steps: (['row', bigint] | ['delete', bigint | typeof alwaysDeletes])[],
): string {
  const merge = new LogMerge(mode)
  for (const [at, [what, ordering]] of steps.entries())
    if (what === 'delete') merge.addDeletes(keysOf('k'), [ordering])
    else
      merge.addRows({
        source: at + 1,
        keys: keysOf('other', 'k'),
        orderings: [1n, ordering as bigint],
        isDeleted: null,
      })
  const fromBase = merge.survivors(keysOf('k', 'untouched'), [100n, 1n])
  expect([...fromBase]).to.include(1)
  const sources: string[] = fromBase.includes(0) ? ['base'] : []
  for (const [source, rows] of merge.winners()) if (rows.includes(1)) sources.push(`log ${source}`)
  expect(sources.length).to.be.lessThan(2)
  return sources[0] ?? 'nothing'
}

describe('merging a file slice', () => {
  const cases: { name: string; steps: Parameters<typeof readsAs>[1]; event: string; commit: string }[] = [
    { name: 'a greater ordering value', steps: [['row', 101n]], event: 'log 1', commit: 'log 1' },
    { name: 'an equal ordering value', steps: [['row', 100n]], event: 'log 1', commit: 'log 1' },
    { name: 'a late row', steps: [['row', 99n]], event: 'base', commit: 'log 1' },
    {
      name: 'two rows, the earlier greater',
      steps: [
        ['row', 105n],
        ['row', 104n],
      ],
      event: 'log 1',
      commit: 'log 2',
    },
    {
      name: 'two rows that tie',
      steps: [
        ['row', 105n],
        ['row', 105n],
      ],
      event: 'log 2',
      commit: 'log 2',
    },
    { name: 'a delete with its sequence', steps: [['delete', 101n]], event: 'nothing', commit: 'nothing' },
    { name: 'a late delete', steps: [['delete', 99n]], event: 'base', commit: 'nothing' },
    {
      name: 'a late row after a delete',
      steps: [
        ['delete', 110n],
        ['row', 105n],
      ],
      event: 'nothing',
      commit: 'log 2',
    },
    {
      name: 'a re-insert',
      steps: [
        ['delete', 110n],
        ['row', 111n],
      ],
      event: 'log 2',
      commit: 'log 2',
    },
    {
      name: 'a delete without ordering',
      steps: [
        ['row', 200n],
        ['delete', alwaysDeletes],
      ],
      event: 'nothing',
      commit: 'nothing',
    },
    {
      name: 'a row after such a delete',
      steps: [
        ['delete', alwaysDeletes],
        ['row', 101n],
      ],
      event: 'log 2',
      commit: 'log 2',
    },
    {
      name: 'a row older than the base after such a delete',
      steps: [
        ['delete', alwaysDeletes],
        ['row', 99n],
      ],
      event: 'base',
      commit: 'log 2',
    },
  ]
  for (const { name, steps, event, commit } of cases)
    it(`${name}: ${event} by event time, ${commit} by commit time`, () => {
      expect(readsAs('event', steps)).to.equal(event)
      expect(readsAs('commit', steps)).to.equal(commit)
    })

  it('takes a row marked as deleted for a delete with its ordering', () => {
    const merge = new LogMerge('event')
    merge.addRows({ source: 1, keys: keysOf('a', 'b'), orderings: [5n, 5n], isDeleted: row => row === 0 })
    expect([...merge.survivors(keysOf('a', 'b', 'c'), [4n, 9n, 1n])]).to.deep.equal([1, 2])
    expect([...merge.winners()]).to.deep.equal([])
  })
})

describe('the key index', () => {
  it('numbers keys in order of first appearance, as a Map of strings would', () => {
    fc.assert(
      fc.property(fc.array(fc.string({ maxLength: 3 }), { maxLength: 300 }), names => {
        const index = new KeyIndex()
        const expected = new Map<string, number>()
        const keys = keysOf(...names)
        for (const [row, given] of names.entries()) {
          const name = Buffer.from(given).toString()
          if (!expected.has(name)) {
            expect(index.find(keys, row)).to.equal(-1)
            expected.set(name, expected.size)
          }
          expect(index.add(keys, row)).to.equal(expected.get(name))
          expect(index.find(keys, row)).to.equal(expected.get(name))
        }
        expect(index.size).to.equal(expected.size)
      }),
    )
  })
})
