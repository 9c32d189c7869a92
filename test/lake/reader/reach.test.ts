import { expect } from 'chai'
import { ConfigError } from '#common/errors.ts'
import { decodeCommitMetadata, encodeCommitMetadata } from '#lake/timeline/commit-metadata.ts'
import type { InstantTime } from '#lake/timeline/instant.ts'
import { formatInstant, instantAfter } from '#lake/timeline/instant.ts'
import { listDataFiles } from '#lake/reader/data-file.ts'
import { TableReader } from '#lake/reader/table-reader.ts'
import { clean } from '#lake/services/clean.ts'
import { compactSome } from '#lake/services/compact.ts'
import type { TableWriter } from '#lake/table/table-writer.ts'
import { batchOf } from '#test/lake/table/vectors.ts'
import { eager, KeyedTable, notes, schema } from '#test/lake/services/keyed-table.ts'

const dayMs = 24 * 3_600_000

describe('the reach of time travel', () => {
  let table: KeyedTable
  let writer: TableWriter
  /** What every commit left: rows as text, by the commit's instant. */
  let states: Map<InstantTime, string[]>

  beforeEach(async () => {
    table = new KeyedTable()
    writer = await table.openWriter()
    states = new Map()
  })

  async function write(changes: Parameters<KeyedTable['write']>[1]): Promise<void> {
    states.set(await table.write(writer, changes), table.expected)
  }

  /** Instants that can be read, each as it was; the others must be refused. */
  async function readable(): Promise<InstantTime[]> {
    const instants: InstantTime[] = []
    for (const [asOf, rows] of states)
      try {
        expect(await table.found({ asOf }), asOf).to.deep.equal(rows)
        instants.push(asOf)
      } catch (error) {
        if (!(error instanceof ConfigError)) throw error
        expect(error.code).to.equal('LAKE_HISTORY_GONE')
      }
    return instants
  }

  it('is the whole history while nothing is cleaned, and nothing was before the table', async () => {
    await write(notes(0, 8, 'first'))
    await write(notes(2, 4, null))
    await compactSome(await table.services(), eager)
    await write(notes(9, 12, 'more'))
    expect(await readable()).to.deep.equal([...states.keys()])
    expect(await table.found({ asOf: '20000101000000000' })).to.deep.equal([])
  })

  it('ends where files were cleaned, though the timeline goes on before', async () => {
    for (let day = 0; day < 4; day++) {
      await write([...notes(day, day + 6, `day ${day}`), ...notes(day + 6, day + 8, null)])
      await compactSome(await table.services(), eager)
      table.clock.nowAtMs += dayMs
    }
    // The timeline keeps the instants of all these days, the files only those of the last two.
    await clean(await table.services(), { retentionMs: 1.5 * dayMs, instantsMin: 100, thinning: null })
    const kept = await readable()
    expect(kept).to.deep.equal([...states.keys()].slice(-kept.length))
    expect(kept.length).to.be.within(1, 3)
    expect((await TableReader.open(table.store)).commits).to.have.length.above(8)
  })

  it('ends where the timeline begins', async () => {
    await write(notes(0, 8, 'first'))
    await compactSome(await table.services(), eager)
    table.clock.nowAtMs += dayMs
    await write(notes(0, 8, 'all again'))
    await compactSome(await table.services(), eager)
    table.clock.nowAtMs += 3 * dayMs
    await write(notes(0, 2, 'second'))
    await write(notes(1, 3, 'third'))
    await clean(await table.services(), { retentionMs: dayMs, instantsMin: 2, thinning: null })
    expect(await readable()).to.deep.equal([...states.keys()].slice(2))
  })

  it('ends where the timeline begins, be it with commits without files', async () => {
    await write(notes(0, 8, 'first'))
    table.clock.nowAtMs += dayMs
    const instant = formatInstant(table.clock.nowMs())
    const nothing = {
      partitionToWriteStats: {},
      compacted: false,
      extraMetadata: {},
      operationType: 'UPSERT',
    }
    const body = encodeCommitMetadata(nothing, 'deltacommit', 2)
    await table.store.put(`.hoodie/timeline/${instant}_${instantAfter(instant, 0)}.deltacommit`, body)
    table.clock.nowAtMs += 1000
    writer = await table.openWriter()
    await write(notes(2, 4, 'second'))
    await compactSome(await table.services(), eager)
    table.clock.nowAtMs += 2 * dayMs
    await write(notes(0, 2, 'third'))
    await clean(await table.services(), { retentionMs: dayMs, instantsMin: 4, thinning: null })
    const reader = await TableReader.open(table.store)
    expect(reader.commits[0]).to.include({ instant })
    expect(await readable()).to.deep.equal([...states.keys()].slice(2))
    const error = await reader
      .read({ from: '20000101000000000' })
      .next()
      .catch((thrown: unknown) => thrown)
    expect(error).to.include({ code: 'LAKE_HISTORY_GONE' })
  })

  it('ends where the timeline begins, be it with a commit older than the compaction it goes on from', async () => {
    await write(notes(0, 20, 'first'))
    await write(notes(0, 10, 'second'))
    table.clock.nowAtMs += 1000
    const late = await table.openWriter('late')
    const { signal } = new AbortController()
    const changes = [{ op: 'update', seq: 1000, row: { id: 1, note: 'late', tags: [] } }] as const
    await late.stage({ batch: batchOf(schema, changes), truncate: null }, signal)
    table.clock.nowAtMs += 1000
    const { instant: compaction } = (await compactSome(await table.services(), eager))!
    const { commit } = await late.commit([], {}, signal)
    expect(commit! < compaction).to.equal(true)
    const { commits } = await TableReader.open(table.store)
    // As of a writer that looked at the files when it had its instant already, and the compaction was done.
    const { path } = commits.find(({ instant }) => instant === commit)!
    const told = decodeCommitMetadata((await table.store.get(path))!)
    const stats = told.partitionToWriteStats['']!.map(stat => ({ ...stat, prevCommit: compaction }))
    const body = encodeCommitMetadata({ ...told, partitionToWriteStats: { '': stats } }, 'deltacommit', 2)
    await table.store.put(path, body)
    const before = commits.filter(({ instant }) => instant < commit!)
    const files = (await listDataFiles(table.store)).filter(({ instant }) => instant < commit!)
    await table.store.delete([...files, ...before].map(({ path }) => path))
    const error = await (
      await TableReader.open(table.store)
    )
      .read({ from: [...states.keys()][0]! })
      .next()
      .catch((thrown: unknown) => thrown)
    expect(error).to.include({ code: 'LAKE_HISTORY_GONE' })
  })

  it('is each group’s own: one that began later is not missed before', async () => {
    await write(notes(0, 1, 'first'))
    await write(notes(0, 30, 'all'))
    expect(await readable()).to.deep.equal([...states.keys()])
  })
})
