import { expect } from 'chai'
import type { HistoryEntry } from '#lake/reader/history.ts'
import { readHistory } from '#lake/reader/history.ts'
import { clean, defaultCleaningPolicy } from '#lake/services/clean.ts'
import { clusterSome } from '#lake/services/cluster.ts'
import { clusteringPolicy } from '#lake/services/plan-clustering.ts'
import { loadTimeline } from '#lake/timeline/timeline.ts'
import { AppendTable } from '../services/append-table.ts'

const hourMs = 3_600_000
const cleaning = { ...defaultCleaningPolicy, retentionMs: hourMs, instantsMin: 2 }

function withoutPlace(entries: readonly HistoryEntry[]): object[] {
  return entries.map(entry => ({ ...entry, archived: null }))
}

describe('the history of a table', () => {
  it('goes on where the timeline ends', async () => {
    const table = new AppendTable()
    const writer = await table.openWriter()
    for (let at = 0; at < 9; at++) await table.write(writer)
    await clusterSome(await table.services(), clusteringPolicy(1 << 20))
    await table.write(writer)
    table.clock.nowAtMs += 30 * hourMs
    for (let at = 0; at < 3; at++) await table.write(writer)
    const before = await readHistory(table.store, 100)
    expect(before.map(({ archived }) => archived)).not.to.include(true)

    for (let turn = 0; turn < 2; turn++) {
      await clean(await table.services(), cleaning)
      table.clock.nowAtMs += 2 * hourMs
    }
    const active = (await loadTimeline(table.store, 2)).length
    expect(active).to.be.lessThan(before.length - 8)
    const after = await readHistory(table.store, 100)
    expect(withoutPlace(after)).to.deep.equal(withoutPlace(before))
    expect(after.filter(({ archived }) => !archived)).to.have.length(active)
    const replacement = after.find(({ action }) => action === 'replacecommit')
    expect(replacement).to.include({ operation: 'CLUSTER', archived: true })

    const some = await readHistory(table.store, active + 2)
    expect(withoutPlace(some)).to.deep.equal(withoutPlace(before.slice(0, active + 2)))
  })

  it('tells how many files a cleaning removed', async () => {
    const table = new AppendTable()
    const writer = await table.openWriter()
    for (let at = 0; at < 9; at++) await table.write(writer)
    await clusterSome(await table.services(), clusteringPolicy(1 << 20))
    table.clock.nowAtMs += 30 * hourMs
    const { files } = await clean(await table.services(), { ...cleaning, recorded: true })
    const [newest] = await readHistory(table.store, 1)
    expect(newest).to.include({ action: 'clean', filesRemoved: files, operation: null })
  })
})

describe('a range that begins among archived commits', () => {
  it('is what its commits wrote, up to the newest state, or refused', async () => {
    const table = new AppendTable()
    const writer = await table.openWriter()
    for (let at = 0; at < 9; at++) await table.write(writer)
    await clusterSome(await table.services(), clusteringPolicy(1 << 20))
    await table.write(writer)
    table.clock.nowAtMs += 30 * hourMs
    for (let at = 0; at < 3; at++) await table.write(writer)
    const times = (await loadTimeline(table.store, 2)).map(({ completionTime }) => completionTime!)
    const since = (from: string): Promise<number[]> => table.ids({}, { from })
    const before = await Promise.all(times.map(since))
    for (let turn = 0; turn < 2; turn++) await clean(await table.services(), cleaning)
    expect((await loadTimeline(table.store, 2)).length).to.be.lessThan(5)
    expect(await Promise.all(times.map(since))).to.deep.equal(before)
    expect(before[3]).to.have.length(3 * (9 + 4 - 3))

    for (const read of [{ from: '20000101000000000' }, { from: times[2]!, to: times[5]! }]) {
      const failure = await table.ids({}, read).catch((error: unknown) => error)
      expect(failure).to.have.property('code', 'LAKE_HISTORY_GONE')
    }
  })
})
