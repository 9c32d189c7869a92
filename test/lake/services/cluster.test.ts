import { expect } from 'chai'
import { ConflictError } from '#common/errors.ts'
import { listDataFiles } from '#lake/reader/data-file.ts'
import { TableReader } from '#lake/reader/table-reader.ts'
import { clean, defaultCleaningPolicy } from '#lake/services/clean.ts'
import { clusterSome } from '#lake/services/cluster.ts'
import { clusteringPolicy } from '#lake/services/plan-clustering.ts'
import type { TableWriter } from '#lake/table/table-writer.ts'
import { loadTimeline } from '#lake/timeline/timeline.ts'
import { AppendTable, schema } from './append-table.ts'
import { diesAfter } from './dies-after.ts'
import { HookedStore } from './hooked-store.ts'

const policy = clusteringPolicy(1 << 20)
const cleaning = { ...defaultCleaningPolicy, retentionMs: 3_600_000, instantsMin: 2 }
const hourMs = 3_600_000

describe('clustering', () => {
  let table: AppendTable
  let writer: TableWriter
  beforeEach(async () => {
    table = new AppendTable()
    writer = await table.openWriter()
    for (let at = 0; at < 9; at++) await table.write(writer)
  })

  const fileCount = async (): Promise<number> => (await TableReader.open(table.store)).slices.length

  it('makes one file of many, and changes no row', async () => {
    const clustered = await clusterSome(await table.services(), policy)
    expect(clustered).to.include({ filesBefore: 9, filesAfter: 1, rows: 27 })
    expect(await fileCount()).to.equal(1)
    expect(await table.ids()).to.deep.equal(table.expected)
    expect(await clusterSome(await table.services(), policy), 'nothing is left to do').to.equal(null)
  })

  it('leaves the table alone as long as it has few files', async () => {
    const other = new AppendTable()
    const one = await other.openWriter()
    for (let at = 0; at < 5; at++) await other.write(one)
    expect(await clusterSome(await other.services(), policy)).to.equal(null)
    other.clock.nowAtMs += 13 * hourMs
    expect(await clusterSome(await other.services(), policy), 'small for long').to.include({ filesBefore: 5 })
  })

  it('leaves every earlier state and every incremental answer as it was', async () => {
    const timeline = await loadTimeline(table.store, 2)
    const answers = async (): Promise<number[][]> =>
      Promise.all(
        timeline.flatMap(({ instant, completionTime }) => [
          table.ids({ asOf: instant }),
          table.ids({}, { from: completionTime! }),
          table.ids({}, { from: timeline[2]!.completionTime!, to: completionTime! }),
        ]),
      )
    const before = await answers()
    const { instant } = (await clusterSome(await table.services(), policy))!
    expect(await answers()).to.deep.equal(before)
    expect(await table.ids({ asOf: instant })).to.deep.equal(table.expected)
    const completed = (await loadTimeline(table.store, 2)).at(-1)!.completionTime!
    await table.write(writer)
    expect(await table.ids({}, { from: completed })).to.deep.equal(table.commits.at(-1)!.ids)
  })

  it('goes on while rows are added, and keeps columns that came meanwhile', async () => {
    const store = new HookedStore(table.store)
    let writes = 0
    store.beforePut = async path => {
      if (path.endsWith('.parquet') && writes++ === 0) await table.write(writer)
    }
    const context = await table.services(store)
    expect(await clusterSome(context, policy)).to.include({ filesBefore: 9 })
    expect(await table.ids()).to.deep.equal(table.expected)
    await writer.evolve({
      columns: [...schema.columns, { name: 'more', type: { kind: 'int64' }, nullable: true }],
      key: [],
    })
    await table.write(writer)
    table.clock.nowAtMs += 13 * hourMs
    expect(await clusterSome(await table.services(), policy)).to.include({ filesBefore: 3 })
    expect(await table.ids()).to.deep.equal(table.expected)
  })

  it('stays within partitions, and so do cleaning and what dead writers left', async () => {
    const parted = new AppendTable(new Map(), [{ column: 'region' }])
    const one = await parted.openWriter()
    for (let at = 0; at < 9; at++) await parted.write(one)
    const clustered = await clusterSome(await parted.services(), policy)
    expect(clustered).to.include({ filesBefore: 18, filesAfter: 2, rows: 27 })
    expect(await parted.ids()).to.deep.equal(parted.expected)
    const { slices } = await TableReader.open(parted.store)
    expect(slices.map(({ partitionPath }) => partitionPath).toSorted()).to.deep.equal([
      'region=r0',
      'region=r1',
    ])

    const leftover = slices[0]!.base!.path.replace(/_\d{17}/, '_20261124120003999')
    await parted.store.put(leftover, (await parted.store.get(slices[0]!.base!.path))!)
    parted.clock.nowAtMs += 30 * hourMs
    for (let at = 0; at < 3; at++) await parted.write(one)
    for (let turn = 0; turn < 2; turn++) await clean(await parted.services(), cleaning)
    expect(await parted.ids()).to.deep.equal(parted.expected)
    expect(await listDataFiles(parted.store)).to.have.length(2 + 6)
  })

  it('is done once when two are at it', async () => {
    const store = new HookedStore(table.store)
    let met = false
    store.beforePut = async path => {
      if (!path.endsWith('.parquet') || met) return
      met = true
      expect(await clusterSome(await table.services(), policy)).to.include({ filesBefore: 9 })
    }
    const outcome = await clusterSome(await table.services(store), policy).catch((error: unknown) => error)
    expect(outcome).to.be.instanceOf(ConflictError)
    expect(await table.ids()).to.deep.equal(table.expected)
    expect(await listDataFiles(table.store), 'the file of the second is gone').to.have.length(10)
  })

  it('is not begun while another engine has something under way', async () => {
    const pending = '.hoodie/timeline/20261124120500000.clustering.requested'
    await table.store.put(pending, new Uint8Array(0))
    expect(await clusterSome(await table.services(), policy)).to.equal(null)
    await table.store.delete([pending])
    expect(await clusterSome(await table.services(), policy)).not.to.equal(null)
  })

  it('may end at any request: no row is lost or doubled, then or after it is done again', async function () {
    this.timeout(30_000)
    let ends = 0
    for (let last = 0; last < 100; last++) {
      const copy = await table.copy()
      const hasDied = await diesAfter(last, copy, context => clusterSome(context, policy))
      expect(await copy.ids(), `request ${last}`).to.deep.equal(copy.expected)
      if (!hasDied) break
      ends++
      await clusterSome(await copy.services(), policy)
      expect(await copy.ids(), `request ${last}, again`).to.deep.equal(copy.expected)
      // The leftovers go before the timeline is trimmed past them.
      copy.clock.nowAtMs += 30 * hourMs
      const after = await copy.openWriter()
      for (let at = 0; at < 3; at++) await copy.write(after)
      for (let turn = 0; turn < 3; turn++) await clean(await copy.services(), cleaning)
      expect(await copy.ids(), `request ${last}, cleaned`).to.deep.equal(copy.expected)
      expect(await listDataFiles(copy.store), `request ${last}, cleaned`).to.have.length(4)
    }
    expect(ends).to.be.greaterThan(15)
  })

  it('lets a table go on for long with few files and a short timeline', async function () {
    this.timeout(60_000)
    for (let day = 0; day < 12; day++) {
      for (let at = 0; at < 9; at++) await table.write(writer)
      table.clock.nowAtMs += 7 * hourMs
      await clusterSome(await table.services(), policy)
      await clean(await table.services(), cleaning)
      expect(await table.ids(), `day ${day}`).to.deep.equal(table.expected)
    }
    expect(await fileCount()).to.be.lessThan(25)
    expect(await listDataFiles(table.store)).to.have.length.below(40)
    expect(await loadTimeline(table.store, 2)).to.have.length.below(30)
  })

  it('tells a reader of a state whose files were cleaned, instead of giving a part of it', async () => {
    const [first] = table.commits
    await clusterSome(await table.services(), policy)
    table.clock.nowAtMs += 30 * hourMs
    await table.write(writer)
    await clean(await table.services(), { ...cleaning, instantsMin: 100 })
    const read = await table.ids({ asOf: first!.instant }).catch((error: unknown) => error)
    expect(read).to.have.property('code', 'LAKE_HISTORY_GONE')
    expect(await table.ids()).to.deep.equal(table.expected)
  })
})
