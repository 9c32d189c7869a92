// Tables of version 6: what Hudi 0.15 needs of names, deletes and the order of commits. That it reads them row by row:
// test/integration/lake/readers-matrix.test.ts.
import { expect } from 'chai'
import type { TableSchema } from '#catalog/types.ts'
import { ConflictError } from '#common/errors.ts'
import { asideFolder } from '#lake/journal/placement.ts'
import { Journal } from '#lake/journal/journal.ts'
import { decodeBlocks } from '#lake/log/decode-blocks.ts'
import { listDataFiles } from '#lake/reader/data-file.ts'
import type { DataFile } from '#lake/reader/data-file.ts'
import { TableReader } from '#lake/reader/table-reader.ts'
import type { ServiceContext } from '#lake/services/compact.ts'
import { compactSome, requestCompaction } from '#lake/services/compact.ts'
import { MemoryStore } from '#lake/storage/memory.ts'
import { readDefinition } from '#lake/table/create.ts'
import { openTable } from '#lake/table/open-table.ts'
import type { TableWriter } from '#lake/table/table-writer.ts'
import { loadTimeline } from '#lake/timeline/timeline.ts'
import type { CanonicalRow } from '#test/bed/canonical.ts'
import { fixedClock } from '../journal/table-fixture.ts'
import { canonicalRows } from '../reader/canonical.ts'
import { eager } from '../services/keyed-table.ts'
import { inOrder, TableModel } from './model.ts'
import type { RowChange } from './vectors.ts'
import { batchOf } from './vectors.ts'

const schema: TableSchema = {
  columns: [
    { name: 'id', type: { kind: 'int32' }, nullable: false },
    { name: 'note', type: { kind: 'string' }, nullable: true },
  ],
  key: ['id'],
}
const signal = new AbortController().signal

function rowsOf(from: number, count: number, seq: number, note: string): RowChange[] {
  return Array.from({ length: count }, (_, at) => ({
    op: 'update',
    seq,
    row: { id: from + at, note: `${note} ${from + at}` },
  }))
}

function deletesOf(from: number, count: number, seq: number): RowChange[] {
  return Array.from({ length: count }, (_, at) => ({ op: 'delete', seq, row: { id: from + at } }))
}

class OldTable {
  readonly store = new MemoryStore()
  readonly clock = fixedClock()
  readonly model = new TableModel(schema)

  open(writer = 'test', key: readonly string[] = ['id']): Promise<TableWriter> {
    const wanted = {
      name: 't',
      schema: { ...schema, key },
      estimatedBytes: 0,
      buckets: 1,
      version: 6,
    } as const
    const { store, clock } = this
    return openTable({ ...wanted, policy: 'evolve' }, { store, clock, writer, signal })
  }

  async stage(writer: TableWriter, changes: RowChange[]): Promise<void> {
    this.clock.nowAtMs += 2000
    await writer.stage({ batch: batchOf(schema, changes), truncate: null }, signal)
  }

  async write(writer: TableWriter, changes: RowChange[]): Promise<void> {
    this.model.apply(changes)
    await this.stage(writer, changes)
    await writer.commit([], {}, signal)
  }

  async services(): Promise<ServiceContext> {
    const { store, clock } = this
    const journal = await Journal.open(store, { clock, writer: 'services', signal })
    return { store, definition: (await readDefinition(store))!, journal, clock, signal }
  }

  async logs(): Promise<DataFile[]> {
    const logs = (await listDataFiles(this.store)).filter(({ kind }) => kind === 'log')
    return logs.toSorted((a, b) => a.instant.localeCompare(b.instant) || a.version - b.version)
  }

  async expectRows(): Promise<void> {
    const rows: CanonicalRow[] = []
    const reader = await TableReader.open(this.store)
    const columns = ['id', 'note', '_sluice_seq']
    for await (const batch of reader.read({ columns })) rows.push(...canonicalRows(batch))
    expect(inOrder(rows)).to.deep.equal(this.model.rows())
  }
}

async function refused(work: Promise<unknown>): Promise<void> {
  expect(await work.catch((error: unknown) => error)).to.be.instanceOf(ConflictError)
}

describe('a table of version 6', () => {
  let table: OldTable
  let writer: TableWriter
  beforeEach(async () => {
    table = new OldTable()
    writer = await table.open()
  })

  it('names its logs by the base file they change, and numbers them', async () => {
    await table.write(writer, rowsOf(0, 10, 1, 'first'))
    await table.write(writer, rowsOf(5, 10, 2, 'second'))
    const other = await table.open('other')
    await table.write(other, rowsOf(7, 1, 3, 'third'))
    const [base] = (await listDataFiles(table.store)).filter(({ kind }) => kind === 'base')
    const names = (await table.logs()).map(({ instant, version }) => ({ instant, version }))
    expect(names).to.deep.equal([
      { instant: base!.instant, version: 1 },
      { instant: base!.instant, version: 2 },
    ])
    await table.expectRows()
  })

  it('deletes by rows that say so and bear the sequence, and has no delete blocks', async () => {
    await table.write(writer, rowsOf(0, 10, 5, 'first'))
    await table.write(writer, [...deletesOf(0, 3, 6), ...rowsOf(20, 1, 6, 'new')])
    await table.stage(writer, deletesOf(5, 2, 4))
    await writer.commit([], {}, signal)
    const types: string[] = []
    for (const { path } of await table.logs())
      for (const { type } of decodeBlocks((await table.store.get(path))!)) types.push(type)
    expect(types).to.deep.equal(['avro', 'avro'])
    await table.expectRows()
  })

  it('shows no log before its commit: its name would not tell that it is none of the table', async () => {
    await table.write(writer, rowsOf(0, 10, 1, 'first'))
    await table.stage(writer, rowsOf(0, 10, 2, 'never'))
    expect(await table.logs()).to.deep.equal([])
    await writer.abort()
    for await (const { path } of table.store.list(asideFolder)) expect.fail(path)
  })

  it('goes on after a compaction with logs of the new base file', async () => {
    await table.write(writer, rowsOf(0, 10, 1, 'first'))
    await table.write(writer, [...rowsOf(5, 10, 2, 'second'), ...deletesOf(0, 2, 2)])
    const { instant } = (await compactSome(await table.services(), eager))!
    await table.expectRows()
    await table.write(writer, rowsOf(3, 5, 3, 'third'))
    expect((await table.logs()).map(log => [log.instant === instant, log.version])).to.deep.equal([
      [false, 1],
      [true, 1],
    ])
    await table.expectRows()
  })

  it('goes on with logs of the new base file when it only moved positions after the compaction', async () => {
    await table.write(writer, rowsOf(0, 10, 1, 'first'))
    await table.write(writer, rowsOf(5, 10, 2, 'second'))
    await compactSome(await table.services(), eager)
    await writer.commit([{ split: 'log', from: null, to: '7' }], {}, signal)
    await table.write(writer, rowsOf(3, 5, 3, 'third'))
    await table.expectRows()
  })

  it('refuses a commit whose logs change a base file that was compacted meanwhile', async () => {
    await table.write(writer, rowsOf(0, 10, 1, 'first'))
    await table.write(writer, rowsOf(5, 10, 2, 'second'))
    const other = await table.open('other')
    await table.stage(other, rowsOf(3, 5, 3, 'third'))
    await compactSome(await table.services(), eager)
    await refused(other.commit([], {}, signal))
    await other.abort()
    await other.refresh()
    await table.write(other, rowsOf(3, 5, 3, 'third'))
    await table.expectRows()
  })

  it('refuses a compaction that would lose the logs committed since', async () => {
    await table.write(writer, rowsOf(0, 10, 1, 'first'))
    await table.write(writer, rowsOf(5, 10, 2, 'second'))
    const context = await table.services()
    // Once it is scheduled and reads the base file.
    const get = table.store.get.bind(table.store)
    let raced = false
    table.store.get = async path => {
      if (!raced && path.endsWith('.parquet')) {
        raced = true
        await table.write(writer, rowsOf(0, 2, 3, 'third'))
      }
      return get(path)
    }
    await refused(compactSome(context, eager))
    expect(raced).to.equal(true)
    await table.expectRows()
  })

  it('commits in the order of instants, as readers of increments need', async () => {
    const other = await table.open('other', ['id'])
    await table.stage(writer, rowsOf(0, 5, 1, 'early'))
    await table.write(other, rowsOf(10, 5, 1, 'late'))
    await refused(writer.commit([], {}, signal))
    await writer.abort()
    await writer.refresh()
    await table.write(writer, rowsOf(0, 5, 1, 'early'))
    const instants = (await loadTimeline(table.store, 1)).map(({ instant }) => instant)
    expect(instants).to.deep.equal(instants.toSorted())
    await table.expectRows()
  })

  it('is not compacted while a commit is in the making, nor the other way round', async () => {
    await table.write(writer, rowsOf(0, 10, 1, 'first'))
    await table.write(writer, rowsOf(0, 10, 2, 'second'))
    // Old enough to be due.
    table.clock.nowAtMs += 24 * 3_600_000
    await table.stage(writer, rowsOf(0, 3, 3, 'third'))
    const maintained = writer.maintain(signal)
    await new Promise(resolve => setTimeout(resolve, 20))
    table.model.apply(rowsOf(0, 3, 3, 'third'))
    await writer.commit([], {}, signal)
    await maintained
    await table.expectRows()
    const kinds = (await listDataFiles(table.store)).map(({ kind }) => kind)
    expect(kinds.filter(kind => kind === 'base').length).to.be.greaterThan(1)
    await table.write(writer, rowsOf(2, 3, 4, 'fourth'))
    await table.expectRows()
  })

  it('stops waiting for a commit when the services are to end', async () => {
    await table.write(writer, rowsOf(0, 10, 1, 'first'))
    await table.stage(writer, rowsOf(0, 3, 2, 'second'))
    const ending = new AbortController()
    const maintained = writer.maintain(ending.signal).catch((error: unknown) => error)
    await new Promise(resolve => setTimeout(resolve, 20))
    ending.abort()
    await maintained
    await writer.commit([], {}, signal)
    table.model.apply(rowsOf(0, 3, 2, 'second'))
    await table.write(writer, rowsOf(1, 1, 3, 'third'))
    await table.expectRows()
  })

  it('has no plan of a compaction made for another engine: hudi-rs would miss what is written meanwhile', async () => {
    await table.write(writer, rowsOf(0, 10, 1, 'first'))
    await table.write(writer, rowsOf(0, 10, 2, 'second'))
    expect(await requestCompaction(await table.services(), eager)).to.equal(null)
  })
})
