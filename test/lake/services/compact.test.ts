import { expect } from 'chai'
import { ConflictError, TransientError } from '#common/errors.ts'
import { listDataFiles } from '#lake/reader/data-file.ts'
import { TableReader } from '#lake/reader/table-reader.ts'
import { compactSome, requestCompaction } from '#lake/services/compact.ts'
import { defaultCompactionPolicy } from '#lake/services/plan-compaction.ts'
import type { TableWriter } from '#lake/table/table-writer.ts'
import { decodeCommitMetadata } from '#lake/timeline/commit-metadata.ts'
import { decodeCompactionPlan, requestedCompactionPath } from '#lake/timeline/compaction-plan.ts'
import { loadTimeline } from '#lake/timeline/timeline.ts'
import { diesAfter } from './dies-after.ts'
import { HookedStore } from './hooked-store.ts'
import { eager, KeyedTable, notes } from './keyed-table.ts'

const meta = ['id', '_hoodie_commit_time', '_hoodie_commit_seqno', '_hoodie_record_key']

describe('compaction', () => {
  let table: KeyedTable
  let writer: TableWriter
  beforeEach(async () => {
    table = new KeyedTable()
    writer = await table.openWriter()
    await table.write(writer, notes(0, 40, 'first'))
    await table.write(writer, [...notes(10, 20, 'second'), ...notes(30, 35, null)])
    await table.write(writer, [...notes(15, 17, null), ...notes(33, 34, 'back'), ...notes(40, 45, 'new')])
  })

  it('leaves every row as it was, with the commit it came with, in base files alone', async () => {
    const before = await table.rows({}, meta)
    const compacted = await compactSome(await table.services(), eager)
    expect(compacted).to.include({ fileGroups: 2, rows: table.expected.length })
    expect(await table.found()).to.deep.equal(table.expected)
    expect(await table.rows({}, meta)).to.deep.equal(before)
    const { slices } = await TableReader.open(table.store)
    expect(slices.map(({ base, logs }) => [base?.instant, logs.length])).to.deep.equal([
      [compacted!.instant, 0],
      [compacted!.instant, 0],
    ])
    expect(await compactSome(await table.services(), eager), 'nothing is left to do').to.equal(null)
  })

  it('is a commit that says so, with the files it wrote', async () => {
    const { instant, bytes } = (await compactSome(await table.services(), eager))!
    const newest = (await loadTimeline(table.store, 2)).at(-1)!
    expect(newest).to.include({ instant, action: 'commit', state: 'completed' })
    const metadata = decodeCommitMetadata((await table.store.get(newest.path))!)
    expect(metadata).to.include({ compacted: true, operationType: 'COMPACT' })
    const stats = metadata.partitionToWriteStats['']!
    expect(stats.reduce((sum, stat) => sum + stat.fileSizeInBytes, 0)).to.equal(bytes)
    for (const { path, totalLogFilesCompacted } of stats) {
      expect(await table.store.get(path)).not.to.equal(null)
      expect(totalLogFilesCompacted).to.equal(2)
    }
  })

  it('keeps changes that are committed while it works, and logs go on after it', async () => {
    const other = await table.openWriter('other')
    const store = new HookedStore(table.store)
    let interruptions = 0
    store.beforePut = async path => {
      if (!path.endsWith('.parquet') || interruptions++ > 0) return
      await table.write(other, [...notes(0, 3, 'meanwhile'), ...notes(3, 6, null)])
    }
    await compactSome(await table.services(store), eager)
    expect(interruptions).to.be.greaterThan(0)
    expect(await table.found()).to.deep.equal(table.expected)
    await table.write(writer, [...notes(1, 2, 'after'), ...notes(3, 4, 'again')])
    expect(await table.found()).to.deep.equal(table.expected)
    await compactSome(await table.services(), eager)
    expect(await table.found()).to.deep.equal(table.expected)
  })

  it('merges logs that have no base file, and leaves nothing of a group whose rows are all deleted', async () => {
    table = new KeyedTable()
    writer = await table.openWriter()
    await table.write(writer, notes(0, 10, null))
    await table.write(writer, notes(5, 10, 'back'))
    await table.write(writer, notes(0, 10, null))
    await compactSome(await table.services(), eager)
    expect(await table.found()).to.deep.equal([])
    await table.write(writer, notes(2, 4, 'new'))
    expect(await table.found()).to.deep.equal(table.expected)
  })

  it('takes columns that were added since', async () => {
    const wider = [...(await TableReader.open(table.store)).schema.columns].filter(
      ({ name }) => !name.startsWith('_'),
    )
    await writer.evolve({
      columns: [...wider, { name: 'colour', type: { kind: 'string' }, nullable: true }],
      key: ['id'],
    })
    await compactSome(await table.services(), eager)
    const rows = await table.rows({}, ['id', 'colour'])
    expect(rows).to.have.length(table.expected.length)
    expect(rows.every(({ colour }) => colour === null)).to.equal(true)
  })

  it('is due for logs of before a column was widened, and for no others', async () => {
    const never = { ...defaultCompactionPolicy, logFilesMin: 1000, logFilesMax: 1000 }
    const { columns, key } = writer.schema
    await writer.evolve({
      columns: [...columns, { name: 'colour', type: { kind: 'string' }, nullable: true }],
      key,
    })
    expect(await compactSome(await table.services(), never), 'added').to.equal(null)
    const wider = columns.map(column => ({
      ...column,
      type: column.name === 'id' ? ({ kind: 'int64' } as const) : column.type,
    }))
    await writer.evolve({ columns: wider, key })
    const compacted = await compactSome(await table.services(), never)
    expect(compacted?.fileGroups).to.equal(2)
    expect(await table.found({})).to.have.length(table.expected.length)
    await writer.evolve({ columns: wider, key })
    expect(await compactSome(await table.services(), never), 'again').to.equal(null)
  })

  it('still shows the states before it', async () => {
    const instants = (await loadTimeline(table.store, 2)).map(({ instant }) => instant)
    const before = await Promise.all(instants.map(asOf => table.found({ asOf })))
    await compactSome(await table.services(), eager)
    await table.write(writer, notes(0, 50, null))
    expect(await Promise.all(instants.map(asOf => table.found({ asOf })))).to.deep.equal(before)
  })

  it('of two at once one is taken, and the other takes its files away', async () => {
    const store = new HookedStore(table.store)
    let interruptions = 0
    store.beforePut = async path => {
      if (!path.endsWith('.parquet') || interruptions++ > 0) return
      await compactSome(await table.services(), eager)
    }
    const slow = await compactSome(await table.services(store), eager).catch((error: unknown) => error)
    expect(slow).to.be.instanceOf(ConflictError)
    expect(await table.found()).to.deep.equal(table.expected)
    const bases = (await listDataFiles(table.store)).filter(({ kind }) => kind === 'base')
    expect(bases, 'two first ones, two compacted ones').to.have.length(4)
  })

  it('is fenced as soon as another one begins with the same file groups', async () => {
    const store = new HookedStore(table.store)
    let interruptions = 0
    store.beforePut = async path => {
      if (path.endsWith('.parquet') && interruptions++ === 0)
        await requestCompaction(await table.services(), eager)
    }
    const slow = await compactSome(await table.services(store), eager).catch((error: unknown) => error)
    expect(slow).to.be.instanceOf(ConflictError)
    expect(await table.found()).to.deep.equal(table.expected)
  })

  it('may end at any request and be begun anew by another', async function () {
    this.timeout(20_000)
    const total = await requestsOf(table)
    expect(total).to.be.greaterThan(15)
    for (let last = 0; last < total; last++) {
      const copy = await table.copy()
      const hasDied = await diesAfter(last, copy, context => compactSome(context, eager))
      expect(hasDied, `request ${last}`).to.equal(true)
      expect(await copy.found(), `request ${last}`).to.deep.equal(table.expected)
      await compactSome(await copy.services(), eager)
      expect(await copy.found(), `request ${last}, again`).to.deep.equal(table.expected)
      const { slices } = await TableReader.open(copy.store)
      expect(slices.flatMap(({ logs }) => logs)).to.deep.equal([])
    }
  })

  for (const memoryBytes of [20_000, 6_000])
    it(`merges in ${memoryBytes} bytes what it merges in one go`, async function () {
      this.timeout(60_000)
      await table.write(writer, notes(0, 5000, 'many'))
      await table.write(writer, [...notes(2000, 4500, 'again'), ...notes(100, 300, null)])
      await table.write(writer, [...notes(200, 250, 'back'), ...notes(4000, 4010, null)])
      const whole = await table.copy()
      await compactSome(await whole.services(), eager)
      const before = await table.rows({}, meta)
      const compacted = await compactSome(await table.services(), { ...eager, memoryBytes })
      expect(compacted).to.include({ fileGroups: 2, rows: table.expected.length })
      expect(await table.found()).to.deep.equal(table.expected)
      expect(await table.rows({}, meta)).to.deep.equal(before)
      expect(await whole.rows({}, meta)).to.deep.equal(before)
    })

  for (const at of [0, 1, 5])
    it(`leaves nothing of a file whose upload fails after ${at} pieces`, async () => {
      const store = new HalfStore(table.store, at)
      const before = (await listDataFiles(table.store)).map(({ path }) => path)
      const error: unknown = await compactSome(await table.services(store), eager).catch(
        (thrown: unknown) => thrown,
      )
      expect(error).to.include({ name: 'TransientError' })
      expect(await table.found()).to.deep.equal(table.expected)
      expect((await listDataFiles(table.store)).map(({ path }) => path)).to.deep.equal(before)
      for await (const { path } of table.store.list('.hoodie/.sluice/staged/')) expect.fail(path)
      await compactSome(await table.services(), eager)
      expect(await table.found()).to.deep.equal(table.expected)
    })

  it('can be left to another engine: the plan names the files to merge', async () => {
    const instant = (await requestCompaction(await table.services(), eager))!
    const { operations } = decodeCompactionPlan((await table.store.get(requestedCompactionPath(instant)))!)
    const { slices } = await TableReader.open(table.store)
    expect(
      operations.map(({ fileId, dataFilePath, deltaFilePaths }) => ({
        fileId,
        dataFilePath,
        deltaFilePaths,
      })),
    ).to.deep.equal(
      slices.map(({ fileId, base, logs }) => ({
        fileId,
        dataFilePath: base!.name,
        deltaFilePaths: logs.map(({ name }) => name),
      })),
    )
    expect(operations.every(({ metrics }) => metrics['TOTAL_LOG_FILES_SIZE']! > 0)).to.equal(true)
    await table.write(writer, notes(0, 5, 'later'))
    expect(await table.found()).to.deep.equal(table.expected)
  })
})

/** Its second upload is cut off. */
class HalfStore extends HookedStore {
  readonly #pieces: number
  #uploads = 0

  constructor(inner: KeyedTable['store'], pieces: number) {
    super(inner)
    this.#pieces = pieces
  }

  override async putStream(path: string, chunks: AsyncIterable<Uint8Array>): Promise<void> {
    if (++this.#uploads === 1) return super.putStream(path, chunks)
    let seen = 0
    for await (const chunk of chunks) {
      expect(chunk.length).to.be.greaterThan(0)
      if (seen++ === this.#pieces) break
    }
    throw new TransientError(path, { code: 'STORAGE_UNAVAILABLE' })
  }
}

async function requestsOf(table: KeyedTable): Promise<number> {
  const copy = await table.copy()
  const store = new HookedStore(copy.store)
  await compactSome(await copy.services(store), eager)
  return store.requests
}
