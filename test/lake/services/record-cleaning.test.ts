import { expect } from 'chai'
import { clean, defaultCleaningPolicy } from '#lake/services/clean.ts'
import { compactSome } from '#lake/services/compact.ts'
import type { TableWriter } from '#lake/table/table-writer.ts'
import { decodeCleanMetadata } from '#lake/timeline/clean-metadata.ts'
import type { TimelineInstant } from '#lake/timeline/timeline.ts'
import { loadTimeline } from '#lake/timeline/timeline.ts'
import { diesAfter } from './dies-after.ts'
import { eager, KeyedTable, notes } from './keyed-table.ts'

const hourMs = 3_600_000
const policy = {
  ...defaultCleaningPolicy,
  retentionMs: hourMs,
  instantsMin: 100,
  recorded: true,
  everyMs: 600_000,
}

describe('what the timeline tells of cleaning', () => {
  let table: KeyedTable
  let writer: TableWriter
  beforeEach(async () => {
    table = new KeyedTable()
    writer = await table.openWriter()
    await table.write(writer, notes(0, 40, 'first'))
    await table.write(writer, notes(10, 20, 'second'))
    await compactSome(await table.services(), eager)
    table.clock.nowAtMs += 3 * hourMs
    await table.write(writer, notes(0, 3, 'later'))
  })

  const cleanings = async (of = table): Promise<TimelineInstant[]> =>
    (await loadTimeline(of.store, 2)).filter(({ action }) => action === 'clean')

  it('is the files that went and the oldest state that is whole', async () => {
    const before = await loadTimeline(table.store, 2)
    const { files } = await clean(await table.services(), policy)
    const [cleaning] = await cleanings()
    expect(cleaning).to.include({ state: 'completed' })
    expect(cleaning!.completionTime! > before.at(-1)!.completionTime!).to.equal(true)
    const said = decodeCleanMetadata((await table.store.get(cleaning!.path))!, cleaning!.path)
    expect(said.totalFilesDeleted).to.equal(files)
    expect(said.filesByPartition['']).to.have.length(files)
    expect(said.earliestCommitToRetain).to.equal(
      before.findLast(({ action }) => action === 'commit')!.instant,
    )
    expect(said.lastCompletedCommitTimestamp).to.equal(before.at(-1)!.instant)
    expect(await table.found()).to.deep.equal(table.expected)
    expect(await table.found({ asOf: said.earliestCommitToRetain })).to.have.length(40)
    await table.write(writer, notes(7, 9, 'after'))
    expect(await table.found()).to.deep.equal(table.expected)
  })

  it('is nothing when nothing went, and nothing new so soon', async () => {
    const young = new KeyedTable()
    await young.write(await young.openWriter(), notes(0, 5, 'only'))
    await clean(await young.services(), policy)
    expect(await cleanings(young)).to.deep.equal([])
    await clean(await table.services(), policy)
    await compactSome(await table.services(), eager)
    table.clock.nowAtMs += 0.1 * hourMs
    await clean(await table.services(), { ...policy, retentionMs: 0 })
    expect(await cleanings()).to.have.length(1)
    table.clock.nowAtMs += 0.1 * hourMs
    await clean(await table.services(), { ...policy, retentionMs: 0 })
    expect(await cleanings()).to.have.length(2)
  })

  it('is never pending, and made whole by the next cleaner when the one at it died', async () => {
    let died = 0
    for (let last = 0; last < 60; last++) {
      const copy = await table.copy()
      const hasDied = await diesAfter(last, copy, context => clean(context, policy))
      const [cleaning] = await cleanings(copy)
      if (cleaning !== undefined) expect(cleaning.state, `request ${last}`).to.equal('completed')
      if (!hasDied) break
      died++
      await clean(await copy.services(), policy)
      for (const { instant } of await cleanings(copy)) {
        const requested = await copy.store.get(`.hoodie/timeline/${instant}.clean.requested`)
        expect(requested, `request ${last}`).not.to.equal(null)
      }
      expect(await copy.found(), `request ${last}`).to.deep.equal(table.expected)
    }
    expect(died).to.be.greaterThan(8)
  })
})
