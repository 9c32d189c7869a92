import { expect } from 'chai'
import { listDataFiles } from '#lake/reader/data-file.ts'
import { clean } from '#lake/services/clean.ts'
import { compactSome } from '#lake/services/compact.ts'
import { MemoryStore } from '#lake/storage/memory.ts'
import type { TableWriter } from '#lake/table/table-writer.ts'
import { batchOf } from '#test/lake/table/vectors.ts'
import { formatInstant } from '#lake/timeline/instant.ts'
import { loadTimeline } from '#lake/timeline/timeline.ts'
import { diesAfter } from './dies-after.ts'
import { HookedStore } from './hooked-store.ts'
import { eager, KeyedTable, notes, schema } from './keyed-table.ts'

const hourMs = 3_600_000
const policy = { retentionMs: 24 * hourMs, instantsMin: 2, thinning: null }

describe('cleaning', () => {
  let table: KeyedTable
  let writer: TableWriter
  beforeEach(async () => {
    table = new KeyedTable()
    writer = await table.openWriter()
    await table.write(writer, notes(0, 40, 'first'))
    await table.write(writer, [...notes(10, 20, 'second'), ...notes(30, 35, null)])
    await compactSome(await table.services(), eager)
  })

  /** A day and more goes by; what is written then is what readers may ask for. */
  async function later(): Promise<void> {
    table.clock.nowAtMs += 30 * hourMs
    await table.write(writer, [...notes(0, 3, 'later'), ...notes(30, 32, 'back')])
    await table.write(writer, notes(5, 8, null))
  }

  /** As Spark's create_savepoint does: under the instant of the commit. Returns the path. */
  async function save({ instant }: { instant: string }): Promise<string> {
    const savepoint = `.hoodie/timeline/${instant}_${formatInstant(table.clock.nowMs())}.savepoint`
    await table.store.put(savepoint, new Uint8Array(0))
    return savepoint
  }

  it('leaves the state as it is, and the newest slices only', async () => {
    await later()
    const newest = (await loadTimeline(table.store, 2)).slice(-2)
    const states = await Promise.all(newest.map(({ instant }) => table.found({ asOf: instant })))
    const before = await listDataFiles(table.store)
    const cleaned = await clean(await table.services(), policy)
    expect(cleaned).to.include({ files: 4, instants: 3 })
    expect(await listDataFiles(table.store)).to.have.length(before.length - 4)
    expect(await table.found()).to.deep.equal(table.expected)
    expect(await Promise.all(newest.map(({ instant }) => table.found({ asOf: instant })))).to.deep.equal(
      states,
    )
    // The one before them stays, for whatever is older than the first passes for committed.
    const left = (await loadTimeline(table.store, 2)).map(({ instant }) => instant)
    expect(left.slice(-2)).to.deep.equal(newest.map(({ instant }) => instant))
    expect(left).to.have.length(3)
  })

  it('removes nothing that the retention keeps', async () => {
    const cleaned = await clean(await table.services(), policy)
    expect(cleaned).to.deep.equal({ files: 0, bytes: 0, instants: 0 })
  })

  it('removes nothing that a savepoint saves, however old it is', async () => {
    const saved = (await loadTimeline(table.store, 2)).findLast(({ action }) => action === 'deltacommit')!
    const state = await table.found({ asOf: saved.instant })
    await later()
    const savepoint = await save(saved)
    await compactSome(await table.services(), eager)
    await later()
    await clean(await table.services(), policy)
    expect(await table.found({ asOf: saved.instant })).to.deep.equal(state)
    expect((await loadTimeline(table.store, 2)).map(({ path }) => path)).to.include(saved.path)
    await table.store.delete([savepoint])
    expect((await clean(await table.services(), policy)).files).to.be.above(0)
  })

  it('leaves a commit, and what follows, on the timeline that is saved while files are removed', async () => {
    await later()
    const before = await loadTimeline(table.store, 2)
    const store = new HookedStore(table.store)
    const remove = store.delete.bind(store)
    store.delete = async paths => {
      store.delete = remove
      await save(before[1]!)
      await remove(paths)
    }
    expect(await clean(await table.services(store), policy)).to.include({ files: 4, instants: 1 })
    const left = (await loadTimeline(table.store, 2)).filter(({ action }) => action !== 'savepoint')
    expect(left).to.deep.equal(before.slice(1))
  })

  it('lets a table go on for long with compactions, deletes and new rows of the same keys', async function () {
    this.timeout(20_000)
    for (let day = 0; day < 12; day++) {
      table.clock.nowAtMs += 13 * hourMs
      const from = (day * 7) % 40
      await table.write(writer, [...notes(from, from + 5, `day ${day}`), ...notes(from + 5, from + 9, null)])
      if (day % 2 === 0) await compactSome(await table.services(), eager)
      await clean(await table.services(), policy)
      expect(await table.found(), `day ${day}`).to.deep.equal(table.expected)
    }
    expect(await loadTimeline(table.store, 2)).to.have.length.below(8)
    expect(await listDataFiles(table.store)).to.have.length.below(16)
  })

  it('removes what a dead writer staged, before it could be taken for archived rows', async () => {
    const dying = await table.openWriter('dying')
    const row = { id: 999, note: 'never committed', tags: [] }
    await dying.stage(
      { batch: batchOf(schema, [{ seq: 9999, row }]), truncate: null },
      new AbortController().signal,
    )
    await later()
    await compactSome(await table.services(), eager)
    await clean(await table.services(), policy)
    expect(await table.found()).to.deep.equal(table.expected)
    table.clock.nowAtMs += 30 * hourMs
    await table.write(writer, notes(1, 2, 'still'))
    await clean(await table.services(), policy)
    expect(await table.found()).to.deep.equal(table.expected)
  })

  it('may end at any request and be done again', async function () {
    this.timeout(20_000)
    await later()
    let ends = 0
    for (let last = 0; last < 60; last++) {
      const copy = await table.copy()
      if (!(await diesAfter(last, copy, context => clean(context, policy)))) break
      ends++
      expect(await copy.found(), `request ${last}`).to.deep.equal(table.expected)
      await clean(await copy.services(), policy)
      expect(await copy.found(), `request ${last}, again`).to.deep.equal(table.expected)
      expect(await loadTimeline(copy.store, 2)).to.have.length(3)
    }
    expect(ends).to.be.greaterThan(8)
  })

  it('does not let a listing that goes on meanwhile see a hole in the timeline', async () => {
    await later()
    const store = new PagedStore(table.store, async () => {
      await clean(await table.services(), policy)
    })
    const listed = await loadTimeline(store, 2)
    expect(listed).to.deep.equal(await loadTimeline(table.store, 2))
  })
})

/** Lists one object at a time; after the first one something else happens, once. */
class PagedStore extends MemoryStore {
  readonly #inner: MemoryStore
  #meanwhile: (() => Promise<void>) | null

  constructor(inner: MemoryStore, meanwhile: () => Promise<void>) {
    super()
    this.#inner = inner
    this.#meanwhile = meanwhile
  }

  override getRange(path: string, start: number, length: number): Promise<Uint8Array | null> {
    return this.#inner.getRange(path, start, length)
  }

  override async *list(prefix: string, startAfter?: string): ReturnType<MemoryStore['list']> {
    for (let after = startAfter; ;) {
      const page = []
      for await (const info of this.#inner.list(prefix, after)) {
        page.push(info)
        break
      }
      if (page[0] === undefined) return
      yield page[0]
      after = page[0].path
      const meanwhile = this.#meanwhile
      this.#meanwhile = null
      await meanwhile?.()
    }
  }
}
