import { expect } from 'chai'
import type { Column, TableSchema } from '#catalog/types.ts'
import { partitionMetadataName } from '#lake/timeline/partition-metadata.ts'
import { listDataFiles } from '#lake/reader/data-file.ts'
import { TableReader } from '#lake/reader/table-reader.ts'
import { MemoryStore } from '#lake/storage/memory.ts'
import { decodeProperties } from '#lake/timeline/properties.ts'
import type { WantedTable } from '#lake/table/open-table.ts'
import { bucketsFor, openTable } from '#lake/table/open-table.ts'
import { partitionRules } from '#lake/partition/partition-rule.ts'
import type { TableWriter } from '#lake/table/table-writer.ts'
import { fixedClock } from '../journal/table-fixture.ts'
import { canonicalRows } from '../reader/canonical.ts'
import type { RowChange } from './vectors.ts'
import { batchOf, unchanged } from './vectors.ts'

const columns: Column[] = [
  { name: 'id', type: { kind: 'int32' }, nullable: false },
  { name: 'region', type: { kind: 'string' }, nullable: true },
  { name: 'at', type: { kind: 'timestamp' }, nullable: true },
  { name: 'doc', type: { kind: 'string' }, nullable: true },
  { name: 'price', type: { kind: 'decimal', precision: 10, scale: 2 }, nullable: true },
]
const schema: TableSchema = { columns, key: ['id'] }
const byRegion = { partitionBy: [{ column: 'region' }] }
const signal = new AbortController().signal

describe('a partitioned table', () => {
  let store: MemoryStore
  beforeEach(() => {
    store = new MemoryStore()
  })

  function open(changes: Partial<WantedTable> = {}): Promise<TableWriter> {
    const wanted = { name: 't', schema, estimatedBytes: 0, version: 8, policy: 'evolve', ...changes } as const
    return openTable(wanted, { store, clock: fixedClock(), writer: 'test', signal })
  }

  async function refusal(changes: Partial<WantedTable>): Promise<unknown> {
    return open(changes).then(
      () => expect.fail('it should have been refused'),
      (error: unknown) => error,
    )
  }

  async function commit(writer: TableWriter, ...changes: RowChange[]): Promise<void> {
    await writer.stage({ batch: batchOf(writer.schema, changes), truncate: null }, signal)
    await writer.commit([], {}, signal)
  }

  async function rows(...names: string[]): Promise<unknown[]> {
    const found: unknown[] = []
    for await (const batch of (await TableReader.open(store)).read({ columns: names }))
      found.push(...canonicalRows(batch))
    return found
  }

  async function properties(): Promise<Map<string, string>> {
    return decodeProperties((await store.get('.hoodie/hoodie.properties'))!)
  }

  it('tells every engine what names its partitions', async () => {
    await open({ partitionBy: [{ column: 'at', datePart: 'day', name: 'dt' }] })
    const found = await properties()
    expect(found.get('hoodie.table.partition.fields')).to.equal('dt')
    expect(found.get('hoodie.table.keygenerator.type')).to.equal('SIMPLE')
    expect(found.get('hoodie.datasource.write.hive_style_partitioning')).to.equal('true')
    expect(found.get('hoodie.datasource.write.partitionpath.urlencode')).to.equal('false')
    expect(found.get('hoodie.table.create.schema')).to.contain('"dt"')
  })

  it('says that paths are escaped when values name partitions, and that several fields do', async () => {
    await open({ partitionBy: [{ column: 'region' }, { column: 'id', hash: 2 }] })
    const found = await properties()
    expect(found.get('hoodie.table.partition.fields')).to.equal('region,id_hash')
    expect(found.get('hoodie.table.keygenerator.type')).to.equal('COMPLEX')
    expect(found.get('hoodie.datasource.write.partitionpath.urlencode')).to.equal('true')
  })

  it('has its metadata file in each partition, and none in its own folder', async () => {
    await commit(
      await open(byRegion),
      { seq: 1, row: { id: 1, region: 'eu' } },
      { seq: 1, row: { id: 2, region: 'us' } },
    )
    const found: string[] = []
    for await (const { path } of store.list('')) if (path.endsWith(partitionMetadataName)) found.push(path)
    expect(found).to.have.members([
      `region=eu/${partitionMetadataName}`,
      `region=us/${partitionMetadataName}`,
    ])
  })

  it('keeps a row where it is when the source left out what names its partition', async () => {
    for (const keyScope of ['table', 'partition'] as const) {
      store = new MemoryStore()
      const writer = await open({ ...byRegion, keyScope })
      await commit(writer, { seq: 1, row: { id: 1, region: 'eu', doc: 'long' } })
      await commit(writer, {
        op: 'update',
        seq: 2,
        row: { id: 1, region: unchanged, doc: unchanged, at: 5n },
      })
      expect(await rows('id', 'region', 'doc'), keyScope).to.deep.equal([
        { id: 1, region: 'eu', doc: 'long' },
      ])
    }
  })

  it('takes left-out values along to another partition', async () => {
    const writer = await open(byRegion)
    await commit(writer, { seq: 1, row: { id: 1, region: 'eu', doc: 'long' } })
    await commit(writer, { op: 'update', seq: 2, row: { id: 1, region: 'us', doc: unchanged } })
    expect(await rows('id', 'region', 'doc')).to.deep.equal([{ id: 1, region: 'us', doc: 'long' }])
  })

  it('lets no late change win, in whichever partition, of rows and of deletes, known or read', async () => {
    for (const keyIndexBytes of [0, 1 << 20]) {
      store = new MemoryStore()
      const writer = await open({ ...byRegion, keyIndexBytes })
      await commit(
        writer,
        { seq: 10, row: { id: 1, region: 'eu', doc: 'new' } },
        { seq: 10, row: { id: 2, region: 'eu', doc: 'new' } },
      )
      await commit(
        writer,
        { op: 'delete', seq: 11, row: { id: 2 } },
        { op: 'delete', seq: 12, row: { id: 3 } },
      )
      const late: RowChange[] = [
        { op: 'update', seq: 9, row: { id: 1, region: 'us', doc: 'late' } },
        { op: 'insert', seq: 9, row: { id: 2, region: 'us', doc: 'late' } },
        { op: 'insert', seq: 9, row: { id: 3, region: 'us', doc: 'late' } },
      ]
      await commit(writer, ...late)
      await commit(await open({ ...byRegion, keyIndexBytes }), ...late, {
        op: 'delete',
        seq: 9,
        row: { id: 1 },
      })
      expect(await rows('id', 'doc')).to.deep.equal([{ id: 1, doc: 'new' }])
    }
  })

  it('reads no file to find keys it knows', async () => {
    const writer = await open({ ...byRegion, buckets: 2 })
    await commit(writer, ...[1, 2, 3, 4].map((id): RowChange => ({ seq: 1, row: { id, region: 'eu' } })))
    const read: string[] = []
    const get = store.get.bind(store)
    store.get = path => {
      if (path.endsWith('.parquet') || path.includes('.log.')) read.push(path)
      return get(path)
    }
    const moved = [1, 2, 5].map((id): RowChange => ({ op: 'update', seq: 2, row: { id, region: 'us' } }))
    await commit(writer, ...moved, { op: 'delete', seq: 2, row: { id: 3 } })
    expect(read).to.deep.equal([])
    store.get = get
    expect(await rows('id', 'region')).to.have.deep.members([
      { id: 4, region: 'eu' },
      { id: 1, region: 'us' },
      { id: 2, region: 'us' },
      { id: 5, region: 'us' },
    ])
  })

  it('with the partition in its key is written without any look-up, as if it had none', async () => {
    const keyed = { ...schema, key: ['id', 'region'] }
    const writer = await open({ ...byRegion, schema: keyed })
    await commit(writer, { seq: 1, row: { id: 1, region: 'eu' } }, { seq: 1, row: { id: 1, region: 'us' } })
    await commit(writer, { op: 'delete', seq: 2, row: { id: 1, region: 'eu' } })
    expect(await rows('id', 'region')).to.deep.equal([{ id: 1, region: 'us' }])
    expect((await listDataFiles(store)).filter(({ kind }) => kind === 'log')).to.have.lengthOf(1)
  })

  it('goes on when the source drops the column of its partitions: rows go to the partition of null', async () => {
    await commit(await open(byRegion), { seq: 1, row: { id: 1, region: 'eu' } })
    const narrow = { columns: columns.filter(({ name }) => name !== 'region'), key: ['id'] }
    const writer = await open({ ...byRegion, schema: narrow })
    await commit(writer, { op: 'update', seq: 2, row: { id: 1, doc: 'x' } })
    expect(await rows('id', 'region', 'doc')).to.deep.equal([{ id: 1, region: null, doc: 'x' }])
  })

  it('keeps its own columns from the source, under any policy', async () => {
    const partitionBy = [{ column: 'at', datePart: 'day' }] as const
    for (const policy of ['evolve', 'ignore', 'fail'] as const) {
      const writer = await open({ partitionBy, policy })
      expect(writer.schema.columns.map(({ name }) => name)).to.deep.equal(columns.map(({ name }) => name))
    }
  })

  const unsupported: { name: string; partition: object }[] = [
    { name: 'a column that is not there', partition: { column: 'area' } },
    { name: 'values of a type that has no one text', partition: { column: 'price' } },
    { name: 'values of timestamps', partition: { column: 'at' } },
    { name: 'the day of a text', partition: { column: 'region', datePart: 'day' } },
    { name: 'a name that a column has', partition: { column: 'at', datePart: 'day', name: 'Region' } },
  ]
  for (const { name, partition } of unsupported)
    it(`is not made by ${name}`, async () => {
      const error = await refusal({ partitionBy: [partition as { column: string }] })
      expect(error).to.have.property('code', 'PARTITION_UNSUPPORTED')
      expect(await store.get('.hoodie/hoodie.properties')).to.equal(null)
    })

  it('is not what a job wants that says otherwise', async () => {
    await open(byRegion)
    for (const other of [
      {},
      { partitionBy: [{ column: 'region', hash: 4 }] },
      { ...byRegion, keyScope: 'partition' },
    ])
      expect(await refusal(other as Partial<WantedTable>)).to.have.property('code', 'LAKE_TABLE_MISMATCH')
    await open(byRegion)
  })

  it('refuses another type of the column that names partitions', async () => {
    const writer = await open({ partitionBy: [{ column: 'id', hash: 4 }] })
    const wide = columns.map(column =>
      column.name === 'id' ? { ...column, type: { kind: 'int64' } as const } : column,
    )
    const error = await writer.evolve({ columns: wide, key: ['id'] }).catch((thrown: unknown) => thrown)
    expect(error).to.have.property('code', 'PARTITION_UNSUPPORTED')
  })

  it('has one bucket in each partition unless the number of partitions is known', () => {
    const size = 2 ** 33
    expect(bucketsFor(size, partitionRules([{ column: 'a' }]))).to.equal(1)
    expect(bucketsFor(0, partitionRules([{ column: 'a', hash: 4 }]))).to.equal(1)
    expect(bucketsFor(size, partitionRules([{ column: 'a', hash: 4 }]))).to.equal(8)
    expect(bucketsFor(size)).to.equal(32)
  })
})
