import { expect } from 'chai'
import { reportServices } from '#lake/reader/services-report.ts'
import type { ServicesReport } from '#lake/reader/services-report.ts'
import { TableReader } from '#lake/reader/table-reader.ts'
import { clean, defaultCleaningPolicy } from '#lake/services/clean.ts'
import { clusterSome } from '#lake/services/cluster.ts'
import { compactSome } from '#lake/services/compact.ts'
import { clusteringPolicy } from '#lake/services/plan-clustering.ts'
import type { MemoryStore } from '#lake/storage/memory.ts'
import { AppendTable } from '../services/append-table.ts'
import { eager, KeyedTable, notes } from '../services/keyed-table.ts'

const hourMs = 3_600_000
const cleaning = { ...defaultCleaningPolicy, retentionMs: hourMs, instantsMin: 2, recorded: true }

async function report(store: MemoryStore): Promise<ServicesReport> {
  const { config, slices } = await TableReader.open(store)
  return reportServices(store, config, slices)
}

describe('the report on table services', () => {
  it('tells when a keyed table was compacted and cleaned, and what left its timeline', async () => {
    const table = new KeyedTable()
    const writer = await table.openWriter()
    await table.write(writer, notes(0, 40, 'first'))
    for (const note of ['a', 'b', 'c']) await table.write(writer, notes(0, 20, note))
    expect(await report(table.store)).to.deep.equal({
      compaction: null,
      clustering: null,
      cleaning: null,
      logFilesMax: 3,
      oldestPending: null,
      instants: 5,
      history: null,
    })
    const { instant } = (await compactSome(await table.services(), eager))!
    table.clock.nowAtMs += 8 * hourMs
    await table.write(writer, notes(0, 5, 'later'))
    await clean(await table.services(), cleaning)
    const after = await report(table.store)
    expect(after).to.include({ compaction: instant, logFilesMax: 1, instants: 3 })
    expect(after.cleaning! > instant).to.equal(true)
    expect(after.history).to.include({ files: 1 })
    expect(after.history!.last < instant).to.equal(true)
  })

  it('tells when an append table was clustered, and what is under way', async () => {
    const table = new AppendTable()
    const writer = await table.openWriter()
    for (let at = 0; at < 9; at++) await table.write(writer)
    const { instant } = (await clusterSome(await table.services(), clusteringPolicy(1 << 20)))!
    await table.store.put('.hoodie/timeline/20261124120001000.clustering.requested', new Uint8Array(0))
    const after = await report(table.store)
    expect(after).to.include({ clustering: instant, compaction: null })
    expect(after.oldestPending).to.deep.equal({ instant: '20261124120001000', action: 'clustering' })
  })
})
