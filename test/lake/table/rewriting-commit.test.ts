import { expect } from 'chai'
import type { TableSchema } from '#catalog/types.ts'
import { FencedError, TransientError } from '#common/errors.ts'
import { asideFolder } from '#lake/journal/placement.ts'
import { listDataFiles } from '#lake/reader/data-file.ts'
import { TableReader } from '#lake/reader/table-reader.ts'
import { MemoryStore } from '#lake/storage/memory.ts'
import { openTable } from '#lake/table/open-table.ts'
import type { TableWriter } from '#lake/table/table-writer.ts'
import { decodeCommitMetadata } from '#lake/timeline/commit-metadata.ts'
import { loadTimeline } from '#lake/timeline/timeline.ts'
import type { CanonicalRow } from '#test/bed/canonical.ts'
import { fixedClock } from '../journal/table-fixture.ts'
import { canonicalRows } from '../reader/canonical.ts'
import { inOrder, TableModel } from './model.ts'
import type { RowChange } from './vectors.ts'
import { batchOf, unchanged } from './vectors.ts'

const schema: TableSchema = {
  columns: [
    { name: 'id', type: { kind: 'int32' }, nullable: false },
    { name: 'note', type: { kind: 'string' }, nullable: true },
    { name: 'tags', type: { kind: 'list', element: { kind: 'string' } }, nullable: true },
  ],
  key: ['id'],
}
const signal = new AbortController().signal

function rowsOf(from: number, count: number, seq: number, note: string): RowChange[] {
  return Array.from({ length: count }, (_, at) => {
    const id = from + at
    return { op: 'update', seq, row: { id, note: `${note} ${id}`, tags: [note, `${id}`] } }
  })
}

function deletesOf(from: number, count: number, seq: number): RowChange[] {
  return Array.from({ length: count }, (_, at) => ({ op: 'delete', seq, row: { id: from + at } }))
}

class CopyOnWriteTable {
  readonly store = new MemoryStore()
  readonly clock = fixedClock()
  readonly model = new TableModel(schema)

  open(writer = 'test', buckets = 1): Promise<TableWriter> {
    const wanted = { name: 't', schema, estimatedBytes: 0, buckets, version: 8, policy: 'evolve' } as const
    const { store, clock } = this
    return openTable({ ...wanted, tableType: 'COPY_ON_WRITE' }, { store, clock, writer, signal })
  }

  stage(writer: TableWriter, changes: RowChange[]): Promise<void> {
    this.clock.nowAtMs += 1000
    return writer.stage({ batch: batchOf(schema, changes), truncate: null }, signal)
  }

  async write(writer: TableWriter, ...batches: RowChange[][]): Promise<string | null> {
    for (const changes of batches) {
      this.model.apply(changes)
      await this.stage(writer, changes)
    }
    return (await writer.commit([], {}, signal)).commit
  }

  async expectRows(): Promise<void> {
    expect(await this.rows()).to.deep.equal(this.model.rows())
  }

  async rows(columns?: readonly string[]): Promise<CanonicalRow[]> {
    const rows: CanonicalRow[] = []
    const reader = await TableReader.open(this.store)
    for await (const batch of reader.read(columns ? { columns } : {})) rows.push(...canonicalRows(batch))
    return inOrder(rows)
  }

  async newestStats() {
    const newest = (await loadTimeline(this.store, 2)).at(-1)!
    return Object.values(
      decodeCommitMetadata((await this.store.get(newest.path))!).partitionToWriteStats,
    ).flat()
  }

  async aside(): Promise<string[]> {
    const paths: string[] = []
    for await (const { path } of this.store.list(asideFolder)) paths.push(path)
    return paths
  }
}

function away(): TransientError {
  return new TransientError('The store does not answer', { code: 'STORAGE_UNAVAILABLE' })
}

describe('commits of a copy-on-write table', () => {
  let table: CopyOnWriteTable
  let writer: TableWriter
  beforeEach(async () => {
    table = new CopyOnWriteTable()
    writer = await table.open()
  })

  it('write base files alone, which hold the newest change of each key', async () => {
    await table.write(writer, rowsOf(0, 100, 1, 'first'))
    await table.write(writer, [...rowsOf(50, 100, 2, 'second'), ...deletesOf(10, 20, 2)])
    await table.write(writer, rowsOf(15, 3, 3, 'back'), [
      ...rowsOf(16, 1, 4, 'again'),
      ...deletesOf(17, 1, 4),
    ])
    await table.expectRows()
    const kinds = new Set((await listDataFiles(table.store)).map(({ kind }) => kind))
    expect([...kinds]).to.deep.equal(['base'])
    expect(await table.aside()).to.deep.equal([])
  })

  it('take the changes of each stage to where the rows are, and number them through', async () => {
    await table.write(writer, rowsOf(0, 300, 1, 'first'))
    const third = (rest: number, seq: number, note: string): RowChange[] =>
      rowsOf(0, 330, seq, note).filter(({ row }) => Number(row['id']) % 3 === rest)
    await table.write(
      writer,
      third(0, 2, 'zero'),
      [...third(2, 3, 'two'), ...deletesOf(30, 5, 3)],
      third(0, 4, 'zero again').slice(20, 40),
    )
    await table.expectRows()
    const numbers = await table.rows(['_hoodie_commit_seqno'])
    expect(new Set(numbers.map(row => row['_hoodie_commit_seqno'])).size).to.equal(numbers.length)
  })

  it('count what they did to rows, and name the file they went on from', async () => {
    const first = await table.write(writer, rowsOf(0, 100, 1, 'first'))
    expect(await table.newestStats()).to.containSubset([
      { prevCommit: 'null', numWrites: 100, numInserts: 100, numUpdateWrites: 0, numDeletes: 0 },
    ])
    await table.write(writer, [
      ...rowsOf(90, 15, 2, 'second'),
      ...deletesOf(0, 7, 2),
      ...deletesOf(500, 9, 2),
    ])
    expect(await table.newestStats()).to.containSubset([
      { prevCommit: first, numWrites: 98, numInserts: 5, numUpdateWrites: 10, numDeletes: 7 },
    ])
  })

  it('leave the commit that wrote a row with it, and only with it', async () => {
    const first = await table.write(writer, rowsOf(0, 4, 1, 'first'))
    const second = await table.write(writer, rowsOf(1, 2, 2, 'second'))
    const found = await table.rows(['id', '_hoodie_commit_time', '_hoodie_record_key'])
    const expected = [first, second, second, first].map((instant, id) => ({
      id,
      _hoodie_commit_time: instant,
      _hoodie_record_key: `${id}`,
    }))
    expect(found).to.have.deep.members(expected)
  })

  it('drop changes and deletes that come too late', async () => {
    await table.write(writer, rowsOf(0, 10, 100, 'new'))
    await table.stage(writer, [
      ...rowsOf(0, 3, 99, 'late'),
      ...deletesOf(3, 3, 99),
      ...rowsOf(6, 1, 100, 'tie'),
    ])
    await writer.commit([], {}, signal)
    table.model.apply(rowsOf(6, 1, 100, 'tie'))
    await table.expectRows()
  })

  it('move positions, and write nothing, when their changes change nothing', async () => {
    await table.write(writer, rowsOf(0, 10, 100, 'new'))
    const files = await listDataFiles(table.store)
    await table.stage(writer, [...rowsOf(0, 3, 99, 'late'), ...deletesOf(50, 3, 200)])
    const { commit } = await writer.commit([{ split: 's', from: null, to: '1' }], {}, signal)
    expect(commit).to.equal(null)
    expect([...writer.positions()]).to.deep.equal([['s', '1']])
    expect(await listDataFiles(table.store)).to.deep.equal(files)
    expect(await table.aside()).to.deep.equal([])
  })

  it('fill in values the source left out, from the table and from what is staged', async () => {
    await table.write(writer, rowsOf(0, 3, 1, 'first'))
    const left = (id: number, seq: number): RowChange => {
      return { op: 'update', seq, row: { id, note: unchanged, tags: [`${seq}`] } }
    }
    await table.write(writer, [left(0, 2)], rowsOf(1, 1, 3, 'staged'), [left(1, 4)])
    await table.expectRows()
  })

  it('empty the table at a truncate', async () => {
    await table.write(writer, rowsOf(0, 30, 1, 'first'))
    await writer.stage(
      { batch: batchOf(schema, rowsOf(5, 2, 3, 'after')), truncate: { sequence: 2n } },
      signal,
    )
    await writer.commit([], {}, signal)
    table.model.truncate()
    table.model.apply(rowsOf(5, 2, 3, 'after'))
    await table.expectRows()
  })

  it('merge again when another writer rewrote the file meanwhile: no change of either is lost', async () => {
    const other = await table.open('other')
    await table.write(writer, rowsOf(0, 50, 1, 'first'))
    await table.stage(other, rowsOf(20, 50, 2, 'other'))
    await table.write(writer, rowsOf(0, 30, 3, 'mine'))
    table.model.apply(rowsOf(30, 40, 2, 'other'))
    await other.commit([{ split: 'o', from: null, to: '1' }], {}, signal)
    await table.expectRows()
    expect(await table.aside()).to.deep.equal([])
  })

  it('merge again when the other one commits while they merge', async () => {
    const other = await table.open('other')
    await table.write(writer, rowsOf(0, 50, 1, 'first'))
    await table.stage(writer, rowsOf(0, 5, 2, 'mine'))
    await table.stage(other, rowsOf(60, 5, 2, 'other'))
    // Between the rewrite's listing of the table and its claim.
    let raced = false
    const getRange = table.store.getRange.bind(table.store)
    table.store.getRange = async (path, start, length) => {
      if (!raced && path.endsWith('.parquet')) {
        raced = true
        await other.commit([], {}, signal)
      }
      return getRange(path, start, length)
    }
    await writer.commit([], {}, signal)
    expect(raced).to.equal(true)
    table.model.apply([...rowsOf(0, 5, 2, 'mine'), ...rowsOf(60, 5, 2, 'other')])
    await table.expectRows()
  })

  it('never name files that were removed, whatever the store fails at', async () => {
    await table.write(writer, rowsOf(0, 50, 1, 'first'))
    await table.stage(writer, rowsOf(0, 5, 2, 'second'))
    const { store } = table
    const [get, remove] = [store.get.bind(store), store.delete.bind(store)]
    let written = false
    const putStream = store.putStream.bind(store)
    store.putStream = async (path, chunks) => {
      await putStream(path, chunks)
      written = true
    }
    store.get = path => (written && path.endsWith('.properties') ? Promise.reject(away()) : get(path))
    store.delete = async paths => {
      await remove(paths)
      throw away()
    }
    const failed = await writer.commit([], {}, signal).catch((error: unknown) => error)
    expect(failed).to.be.instanceOf(TransientError)
    store.get = get
    await writer.commit([], {}, signal)
    table.model.apply(rowsOf(0, 5, 2, 'second'))
    await table.expectRows()
  })

  it('are refused, and leave nothing, when another writer moved the split', async () => {
    const other = await table.open('other')
    await table.stage(other, rowsOf(0, 5, 1, 'other'))
    await table.stage(writer, rowsOf(0, 5, 1, 'mine'))
    await writer.commit([{ split: 's', from: null, to: '1' }], {}, signal)
    const failed = await other
      .commit([{ split: 's', from: null, to: '2' }], {}, signal)
      .catch((error: unknown) => error)
    expect(failed).to.be.instanceOf(FencedError)
    await other.abort()
    table.model.apply(rowsOf(0, 5, 1, 'mine'))
    await table.expectRows()
    expect(await table.aside()).to.deep.equal([])
    expect(await listDataFiles(table.store)).to.have.lengthOf(1)
  })
})
