import { expect } from 'chai'
import { ConfigError } from '#common/errors.ts'
import { TableReader } from '#lake/reader/table-reader.ts'
import { clean } from '#lake/services/clean.ts'
import { compactSome } from '#lake/services/compact.ts'
import type { TableWriter } from '#lake/table/table-writer.ts'
import type { CanonicalRow } from '#test/bed/canonical.ts'
import { inOrder } from '#test/lake/table/model.ts'
import { batchOf } from '#test/lake/table/vectors.ts'
import { eager, KeyedTable, notes, schema } from '#test/lake/services/keyed-table.ts'
import { canonicalRows } from './canonical.ts'

function texts(rows: readonly CanonicalRow[]): string[] {
  return inOrder(rows).map(({ id, note }) => `${id as number} ${note as string}`)
}

const beginning = '20000101000000000'
const dayMs = 24 * 3_600_000

describe('incremental reading', () => {
  let table: KeyedTable
  let writer: TableWriter
  /** When the commits completed: of the table's making, and of the three writes. */
  let times: string[]

  beforeEach(async () => {
    table = new KeyedTable()
    writer = await table.openWriter()
    await table.write(writer, notes(0, 8, 'first'))
    await table.write(writer, [...notes(2, 4, 'second'), ...notes(6, 8, null)])
    await table.write(writer, [...notes(3, 4, 'third'), ...notes(7, 9, 'third')])
    times = (await TableReader.open(table.store)).commits.map(({ completionTime }) => completionTime!)
  })

  async function changes(from: string, to?: string): Promise<string[]> {
    const reader = await TableReader.open(table.store)
    const rows: CanonicalRow[] = []
    for await (const batch of reader.read({ columns: ['id', 'note'], from, ...(to ? { to } : {}) }))
      rows.push(...canonicalRows(batch))
    return texts(rows)
  }

  async function failure(from: string, to?: string): Promise<ConfigError> {
    try {
      await changes(from, to)
    } catch (error) {
      if (error instanceof ConfigError) return error
      throw error
    }
    throw new Error('it was read')
  }

  it('gives the newest version within the range of what changed, and no deletes', async () => {
    expect(await changes(times[1]!)).to.deep.equal(['2 second', '3 third', '7 third', '8 third'])
    expect(await changes(times[1]!, times[2])).to.deep.equal(['2 second', '3 second'])
    expect(await changes(times[2]!, times[3])).to.deep.equal(['3 third', '7 third', '8 third'])
  })

  it('gives nothing after the last commit', async () => {
    expect(await changes(times[3]!)).to.deep.equal([])
  })

  it('gives the whole table since its beginning', async () => {
    const snapshot = texts(await table.rows({}, ['id', 'note']))
    expect(await changes(beginning)).to.deep.equal(snapshot)
  })

  it('gives the whole table since its beginning, which deleted rows it never had', async () => {
    table = new KeyedTable()
    await table.write(await table.openWriter(), [...notes(0, 8, 'first'), ...notes(20, 28, null)])
    expect(await changes(beginning)).to.deep.equal(texts(await table.rows({}, ['id', 'note'])))
  })

  it('is not changed by a compaction: before it, across it and after it', async () => {
    const ranges = [
      [beginning, times[1]],
      [times[1]!, times[2]],
      [times[1]!, undefined],
      [times[2]!, undefined],
    ] as const
    const before = await Promise.all(ranges.map(([from, to]) => changes(from, to)))
    await compactSome(await table.services(), eager)
    expect(await Promise.all(ranges.map(([from, to]) => changes(from, to)))).to.deep.equal(before)
    await table.write(writer, notes(5, 6, 'fourth'))
    expect(await changes(times[3]!)).to.deep.equal(['5 fourth'])
  })

  describe('that begins among commits which were under way together', () => {
    beforeEach(async () => {
      const slow = await table.openWriter('slow')
      table.clock.nowAtMs += 1000
      const row = { id: 40, note: 'slow', tags: null }
      const { signal } = new AbortController()
      await slow.stage({ batch: batchOf(schema, [{ op: 'update', seq: 100, row }]), truncate: null }, signal)
      await table.write(writer, notes(1, 2, 'quick'))
      await slow.commit([], {}, signal)
      times = (await TableReader.open(table.store)).commits.map(({ completionTime }) => completionTime!)
      await compactSome(await table.services(), eager)
      table.clock.nowAtMs += 2 * dayMs
      await table.write(writer, notes(0, 1, 'later'))
    })

    it('gives those of them that are in the history since', async () => {
      const quick = times.at(-1)!
      expect(await changes(quick)).to.deep.equal(['0 later', '40 slow'])
      await clean(await table.services(), { retentionMs: dayMs, instantsMin: 3, thinning: null })
      const left = (await TableReader.open(table.store)).commits
      expect(left[0]).to.include({ completionTime: quick })
      expect(await changes(quick)).to.deep.equal(['0 later', '40 slow'])
      expect(await failure(quick, left[1]!.completionTime!)).to.include({ code: 'LAKE_HISTORY_GONE' })
    })
  })

  it('refuses a range whose files were cleaned, and one that begins before the timeline', async () => {
    await compactSome(await table.services(), eager)
    table.clock.nowAtMs += 2 * dayMs
    await table.write(writer, notes(0, 1, 'later'))
    await table.write(writer, notes(1, 2, 'latest'))
    await clean(await table.services(), { retentionMs: dayMs, instantsMin: 4, thinning: null })
    expect(await failure(times[1]!, times[2])).to.include({ code: 'LAKE_HISTORY_GONE' })
    expect((await failure(beginning)).message).to.include('no longer reaches back')
    const kept = (await TableReader.open(table.store)).commits
    expect(await changes(kept.at(-3)!.completionTime!)).to.deep.equal(['0 later', '1 latest'])
  })
})
