import { expect } from 'chai'
import fc from 'fast-check'
import type { BinaryVector } from '#catalog/column.ts'
import { KeyIndex } from '#lake/reader/key-index.ts'
import type { MergeMode } from '#lake/reader/merge.ts'
import { allKeys, alwaysDeletes, LogMerge } from '#lake/reader/merge.ts'
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

describe('a merge that has not the memory for all keys', () => {
  const names = Array.from({ length: 20_000 }, (_, at) => `key ${at}`)
  const keys = keysOf(...names)

  function parts(memoryBytesMax: number): { merges: LogMerge[]; won: Set<number> } {
    const merges: LogMerge[] = []
    const won = new Set<number>()
    const todo = [allKeys]
    for (let part = todo.pop(); part !== undefined; part = todo.pop()) {
      const merge = new LogMerge('event', { part, memoryBytesMax })
      merge.addRows({ source: 1, keys, orderings: { at: row => BigInt(row) }, isDeleted: null })
      merge.addDeletes(keysOf('key 7', 'key 8'), [8n, alwaysDeletes])
      merges.push(merge)
      todo.push(...merge.leftOut)
      for (const row of merge.winners().get(1) ?? []) {
        expect(won.has(row), `row ${row} won before`).to.equal(false)
        won.add(row)
      }
    }
    return { merges, won }
  }

  it('leaves parts to other merges, which together decide what one would', () => {
    const whole = parts(Infinity)
    const bounded = parts(300_000)
    expect(whole.merges.length).to.equal(1)
    expect(bounded.merges.length).to.be.greaterThan(4)
    expect([...bounded.won].toSorted((a, b) => a - b)).to.deep.equal([...whole.won].toSorted((a, b) => a - b))
    expect(whole.won.size).to.equal(names.length - 2)
  })

  it('keeps to it', () => {
    for (const { bytes } of parts(300_000).merges) expect(bytes).to.be.lessThan(310_000)
  })

  it('marks the rows of the base file that any of the parts replaces', () => {
    const base = keysOf(...names.slice(0, 999), 'another')
    const ordering = { at: (row: number) => (row % 2 === 0 ? BigInt(row) : 1_000_000n) }
    const marked = new Uint8Array(126)
    for (const merge of parts(300_000).merges)
      merge.markReplaced(base, ordering, { bits: marked, firstRow: 5 })
    const kept = parts(Infinity).merges[0]!.survivors(base, ordering)
    for (let row = 0; row < base.length; row++)
      expect(((marked[(row + 5) >> 3]! >> ((row + 5) & 7)) & 1) === 0).to.equal(
        kept.includes(row),
        `row ${row}`,
      )
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
