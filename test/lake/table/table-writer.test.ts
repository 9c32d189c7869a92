import { expect } from 'chai'
import type { TableSchema } from '#catalog/types.ts'
import { TransientError } from '#common/errors.ts'
import { asideFolder } from '#lake/journal/placement.ts'
import { listDataFiles } from '#lake/reader/data-file.ts'
import { TableReader } from '#lake/reader/table-reader.ts'
import { MemoryStore } from '#lake/storage/memory.ts'
import type { ObjectInfo } from '#lake/storage/object-store.ts'
import { bucketsFor, openTable } from '#lake/table/open-table.ts'
import type { TableWriter } from '#lake/table/table-writer.ts'
import { canonicalRows } from '../reader/canonical.ts'
import { fixedClock } from '../journal/table-fixture.ts'
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

/** A store in which puts and creates of chosen paths fail, before or after they took effect. */
class FlakyStore extends MemoryStore {
  failPut: (path: string) => boolean = () => false
  failCreate: (path: string) => 'before' | 'after' | null = () => null
  /** Whether the store answers nothing at all. */
  down = false

  override async put(path: string, bytes: Uint8Array): Promise<void> {
    if (this.failPut(path)) throw away()
    await super.put(path, bytes)
  }

  override async copy(from: string, to: string): Promise<boolean> {
    if (this.failPut(to)) throw away()
    return super.copy(from, to)
  }

  override async putIfAbsent(path: string, bytes: Uint8Array): Promise<boolean> {
    const fails = this.failCreate(path)
    if (fails === 'before') throw away()
    const made = await super.putIfAbsent(path, bytes)
    if (fails === 'after') {
      this.down = true
      throw away()
    }
    return made
  }

  override async get(path: string): Promise<Uint8Array | null> {
    if (this.down) throw away()
    return super.get(path)
  }

  override async *list(prefix: string, startAfter?: string): AsyncIterable<ObjectInfo> {
    if (this.down) throw away()
    yield* super.list(prefix, startAfter)
  }
}

function away(): TransientError {
  return new TransientError('The store is away', { code: 'STORAGE_UNAVAILABLE' })
}

const isJournal = (path: string): boolean => path.includes('/journal/')
const isData = (path: string): boolean => !path.startsWith('.hoodie') || path.startsWith(asideFolder)

/** Paths of all files with rows, in place or kept aside. */
async function kept(store: MemoryStore): Promise<string[]> {
  const paths: string[] = []
  for await (const { path } of store.list(''))
    if (isData(path) && !path.startsWith('.hoodie_')) paths.push(path)
  return paths
}

async function open(store: MemoryStore): Promise<TableWriter> {
  const wanted = { name: 't', schema, estimatedBytes: 0, buckets: 1, version: 8, policy: 'evolve' } as const
  return openTable(wanted, { store, clock: fixedClock(), writer: 'test', signal })
}

async function stage(writer: TableWriter, ...ids: number[]): Promise<void> {
  const changes = ids.map((id): RowChange => ({ seq: id, row: { id, note: `n${id}` } }))
  await writer.stage({ batch: batchOf(schema, changes), truncate: null }, signal)
}

async function ids(store: MemoryStore): Promise<unknown[]> {
  const found: unknown[] = []
  for await (const batch of (await TableReader.open(store)).read())
    found.push(...canonicalRows(batch).map(row => row['id']))
  return found
}

describe('a table writer', () => {
  let store: FlakyStore
  let writer: TableWriter
  beforeEach(async () => {
    store = new FlakyStore()
    writer = await open(store)
  })

  it('fails the commit when an upload failed, and commits nothing', async () => {
    store.failPut = isData
    const failed = await (async () => {
      await stage(writer, 1)
      await writer.commit([{ split: 's', from: null, to: '1' }], {}, signal)
    })().catch((error: unknown) => error)
    expect(failed).to.be.instanceOf(TransientError)
    expect(await ids(store)).to.deep.equal([])
    store.failPut = () => false
    await writer.abort()
    expect([...writer.positions()]).to.deep.equal([])
    await stage(writer, 2)
    await writer.commit([{ split: 's', from: null, to: '2' }], {}, signal)
    expect(await ids(store)).to.deep.equal([2])
  })

  for (const when of ['before', 'after'] as const)
    it(`commits once when the store stops answering ${when} it took the entry`, async () => {
      const moves = [{ split: 's', from: null, to: '1' }]
      await stage(writer, 1)
      store.failCreate = path => (isJournal(path) ? when : null)
      const failed = await writer.commit(moves, {}, signal).catch((error: unknown) => error)
      expect(failed).to.be.instanceOf(TransientError)
      store.failCreate = () => null
      store.down = false
      await writer.commit(moves, {}, signal)
      expect(await ids(store)).to.deep.equal([1])
      expect([...writer.positions()]).to.deep.equal([['s', '1']])
      await stage(writer, 2)
      await writer.commit([{ split: 's', from: '1', to: '2' }], {}, signal)
      expect(await ids(store)).to.have.members([1, 2])
    })

  it('leaves files where they are when they may be part of the table', async () => {
    await stage(writer, 1)
    store.failCreate = path => (isJournal(path) ? 'before' : null)
    await writer.commit([], {}, signal).catch((error: unknown) => error)
    await writer.abort()
    expect(await kept(store)).to.have.lengthOf(1)
    store.failCreate = () => null
    await writer.refresh()
    await stage(writer, 2)
    await writer.commit([], {}, signal)
    expect(await ids(store)).to.deep.equal([2])
  })

  it('keeps a delete of a row the table never had, for an older row may come yet', async () => {
    const batch = batchOf(schema, [
      { op: 'insert', seq: 9, row: { id: 2, note: 'lives' } },
      { op: 'delete', seq: 10, row: { id: 1 } },
    ])
    await writer.stage({ batch, truncate: null }, signal)
    await writer.commit([], {}, signal)
    await stage(writer, 1)
    await writer.commit([], {}, signal)
    expect(await ids(store)).to.deep.equal([2])
  })

  it('removes the files of work that is dropped', async () => {
    await stage(writer, 1, 2, 3)
    expect(await kept(store)).to.have.lengthOf(1)
    await writer.close()
    expect(await kept(store)).to.deep.equal([])
  })

  it('keeps the first base file of a group aside until the commit is taken: a dead writer hides nothing', async () => {
    await stage(writer, 1)
    expect(await listDataFiles(store)).to.deep.equal([])
    const next = await open(store)
    await stage(next, 2)
    await next.commit([], {}, signal)
    await stage(next, 3)
    await next.commit([], {}, signal)
    const files = await listDataFiles(store)
    expect(files.filter(({ kind }) => kind === 'base')).to.have.lengthOf(1)
    expect(await ids(store)).to.have.members([2, 3])
  })

  it('begins a group with a base file even when its first changes are deletes', async () => {
    const batch = batchOf(schema, [{ op: 'delete', seq: 1, row: { id: 1 } }])
    await writer.stage({ batch, truncate: null }, signal)
    await writer.commit([], {}, signal)
    expect((await listDataFiles(store)).map(({ kind }) => kind)).to.have.members(['base', 'log'])
    expect(await ids(store)).to.deep.equal([])
  })

  it('puts a base file in place for a writer that died after its commit was taken', async () => {
    await stage(writer, 1)
    store.failPut = path => path.endsWith('.parquet') && !path.startsWith('.hoodie')
    await writer.commit([{ split: 's', from: null, to: '1' }], {}, signal).catch((error: unknown) => error)
    expect(await ids(store)).to.deep.equal([])
    store.failPut = () => false
    const next = await open(store)
    expect(await ids(store)).to.deep.equal([1])
    expect([...next.positions()]).to.deep.equal([['s', '1']])
    expect(await kept(store)).to.have.lengthOf(1)
  })

  it('adds to a file group that another engine made meanwhile, rather than hide it', async () => {
    await stage(writer, 9)
    await writer.abort()
    const other = await open(store)
    await stage(other, 1)
    await other.commit([], {}, signal)
    // What the writer saw before is older than that; it looks again before it makes a first base file.
    await stage(writer, 2)
    const names = (await listDataFiles(store)).map(({ kind }) => kind)
    expect(names).to.have.members(['base', 'log'])
    await writer.commit([], {}, signal)
    expect(await ids(store)).to.have.members([1, 2])
  })
})

describe('a truncate of a keyed table', () => {
  for (const tableType of ['MERGE_ON_READ', 'COPY_ON_WRITE'] as const)
    it(`removes the rows from before it, and of later ones writes nothing (${tableType})`, async () => {
      const store = new MemoryStore()
      const wanted = {
        name: 't',
        schema,
        estimatedBytes: 0,
        buckets: 1,
        version: 8,
        policy: 'evolve',
      } as const
      const writer = await openTable(
        { ...wanted, tableType },
        { store, clock: fixedClock(), writer: 'test', signal },
      )
      await stage(writer, 1, 2, 3, 4)
      await writer.commit([], {}, signal)
      await writer.stage({ batch: batchOf(schema, []), truncate: { sequence: 2n } }, signal)
      expect((await writer.commit([], {}, signal)).rows, 'rows that were removed').to.equal(2)
      expect(await ids(store)).to.have.members([3, 4])
      await writer.stage({ batch: batchOf(schema, []), truncate: { sequence: 2n } }, signal)
      const nothing = await writer.commit([{ split: 's', from: null, to: '1' }], {}, signal)
      expect(nothing.commit, 'a commit where there is nothing to remove').to.equal(null)
    })
})

describe('the number of buckets', () => {
  it('follows the size of the source table', () => {
    expect([0, 1, 256 << 20, (256 << 20) + 1, 2 ** 40].map(bytes => bucketsFor(bytes))).to.deep.equal([
      4, 1, 1, 2, 256,
    ])
  })
})
