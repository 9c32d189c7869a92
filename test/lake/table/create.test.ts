import { expect } from 'chai'
import { fixedClock, shopDefinition } from '#test/lake/journal/table-fixture.ts'
import { Journal } from '#lake/journal/journal.ts'
import { MemoryStore } from '#lake/storage/memory.ts'
import { createTable, readDefinition } from '#lake/table/create.ts'
import type { TableDefinition } from '#lake/table/definition.ts'
import { tableProperties } from '#lake/table/definition.ts'
import { decodeCommitMetadata } from '#lake/timeline/commit-metadata.ts'
import { loadTimeline } from '#lake/timeline/timeline.ts'
import { decodeProperties } from '#lake/timeline/properties.ts'

const journalOptions = () => ({ clock: fixedClock(), writer: 'test', signal: new AbortController().signal })

/** Fails once a given number of writes were done. */
class DyingStore extends MemoryStore {
  writesLeft = Infinity

  override putIfAbsent(path: string, bytes: Uint8Array): Promise<boolean> {
    if (this.writesLeft-- <= 0) return Promise.reject(new Error('died'))
    return super.putIfAbsent(path, bytes)
  }
}

describe('createTable', () => {
  it('makes a table that can be opened', async () => {
    const store = new MemoryStore()
    expect(await createTable(store, shopDefinition, fixedClock())).to.deep.equal(shopDefinition)
    expect(await readDefinition(store)).to.deep.equal(shopDefinition)
    const { state, version } = await Journal.open(store, journalOptions())
    expect(state).to.deep.include({ seq: 1, schema: shopDefinition.schema, schemaVersion: 1 })
    expect(version).to.equal(8)
  })

  for (const version of [6, 8, 9] as const)
    it(`of version ${version} begins with an empty commit, so that nothing staged is older than the timeline`, async () => {
      const store = new MemoryStore()
      const clock = fixedClock()
      await createTable(store, { ...shopDefinition, version }, clock)
      const [first, ...more] = await loadTimeline(store, version === 6 ? 1 : 2)
      expect(more).to.deep.equal([])
      const { partitionToWriteStats, extraMetadata } = decodeCommitMetadata((await store.get(first!.path))!)
      expect(partitionToWriteStats).to.deep.equal({})
      expect(JSON.parse(extraMetadata['schema']!)).to.have.property('name', 'orders_record')
      const journal = await Journal.open(store, { ...journalOptions(), clock })
      expect((await journal.nextInstant()) > first!.instant).to.equal(true)
    })

  it('returns what the first creator made of it', async () => {
    const store = new MemoryStore()
    const clock = fixedClock()
    await createTable(store, shopDefinition, clock)
    const other = await createTable(store, { ...shopDefinition, buckets: 99 }, clock)
    expect(other.buckets).to.equal(4)
  })

  it('lets creators at once agree', async () => {
    const store = new MemoryStore()
    const clock = fixedClock()
    const made = await Promise.all(
      [1, 2, 3, 4, 5].map(buckets => createTable(store, { ...shopDefinition, buckets }, clock)),
    )
    expect(new Set(made.map(({ buckets }) => buckets)).size).to.equal(1)
  })

  it('is finished by the next one when its creator dies, wherever that was', async () => {
    const clock = fixedClock()
    for (let writes = 0; writes < 8; writes++) {
      const store = new DyingStore()
      store.writesLeft = writes
      const failed = await createTable(store, shopDefinition, clock).then(
        () => false,
        () => true,
      )
      store.writesLeft = Infinity
      // Readers see all of the table or none of it.
      const isThere = (await store.get('.hoodie/hoodie.properties')) !== null
      expect(isThere).to.equal(!failed)
      await createTable(store, shopDefinition, clock)
      expect((await Journal.open(store, journalOptions())).state.seq).to.equal(1)
    }
  })

  it("refuses another tool's table", async () => {
    const store = new MemoryStore()
    await store.put('.hoodie/hoodie.properties', Buffer.from('hoodie.table.version=8\n'))
    const error: unknown = await createTable(store, shopDefinition, fixedClock()).catch(
      (thrown: unknown) => thrown,
    )
    expect(error).to.have.property('code', 'LAKE_JOURNAL_MISSING')
  })

  it('refuses a store that overwrites what it should only create', async () => {
    class Overwriting extends MemoryStore {
      override async putIfAbsent(path: string, bytes: Uint8Array): Promise<boolean> {
        await this.put(path, bytes)
        return true
      }
    }
    const error: unknown = await createTable(new Overwriting(), shopDefinition, fixedClock()).catch(
      (thrown: unknown) => thrown,
    )
    expect(error).to.have.property('code', 'STORAGE_NO_CONDITIONAL_PUT')
  })
})

describe('table properties', () => {
  const base = {
    'hoodie.table.name': 'orders',
    'hoodie.table.type': 'MERGE_ON_READ',
    'hoodie.table.checksum': '1443086834',
    'hoodie.table.base.file.format': 'PARQUET',
    'hoodie.table.timeline.timezone': 'UTC',
    'hoodie.populate.meta.fields': 'true',
    'hoodie.datasource.write.drop.partition.columns': 'false',
    'hoodie.datasource.write.hive_style_partitioning': 'true',
    'hoodie.datasource.write.partitionpath.urlencode': 'false',
    'hoodie.table.recordkey.fields': 'id',
  }
  const payload = 'org.apache.hudi.common.model.DefaultHoodieRecordPayload'
  const strategy = 'eeb8d96f-b1e4-49fd-bbf8-28ac514178e5'

  for (const { version, own } of [
    {
      version: 6 as const,
      own: {
        'hoodie.table.version': '6',
        'hoodie.timeline.layout.version': '1',
        'hoodie.archivelog.folder': 'archived',
        'hoodie.table.precombine.field': '_sluice_seq',
        'hoodie.table.keygenerator.class': 'org.apache.hudi.keygen.NonpartitionedKeyGenerator',
        'hoodie.compaction.payload.class': payload,
        'hoodie.compaction.record.merger.strategy': strategy,
      },
    },
    {
      version: 8 as const,
      own: {
        'hoodie.table.version': '8',
        'hoodie.table.initial.version': '8',
        'hoodie.timeline.layout.version': '2',
        'hoodie.timeline.path': 'timeline',
        'hoodie.timeline.history.path': 'history',
        'hoodie.table.precombine.field': '_sluice_seq',
        'hoodie.table.keygenerator.type': 'NON_PARTITION',
        'hoodie.compaction.payload.class': payload,
        'hoodie.record.merge.mode': 'EVENT_TIME_ORDERING',
        'hoodie.record.merge.strategy.id': strategy,
      },
    },
    {
      version: 9 as const,
      own: {
        'hoodie.table.version': '9',
        'hoodie.table.initial.version': '9',
        'hoodie.timeline.layout.version': '2',
        'hoodie.timeline.path': 'timeline',
        'hoodie.timeline.history.path': 'history',
        'hoodie.table.format': 'native',
        'hoodie.table.ordering.fields': '_sluice_seq',
        'hoodie.table.keygenerator.type': 'NON_PARTITION',
        'hoodie.record.merge.mode': 'EVENT_TIME_ORDERING',
      },
    },
  ])
    it(`of version ${version} are those its readers and writers need`, () => {
      const { 'hoodie.table.create.schema': schema, ...rest } = Object.fromEntries(
        tableProperties({ ...shopDefinition, version }),
      )
      expect(rest).to.deep.equal({ ...base, ...own })
      expect(JSON.parse(schema!)).to.have.property('name', 'orders_record')
    })

  it('of a partitioned table name its fields and key generator', () => {
    const partitioned: TableDefinition = { ...shopDefinition, partitionFields: ['note'] }
    expect(tableProperties(partitioned).get('hoodie.table.partition.fields')).to.equal('note')
    expect(tableProperties(partitioned).get('hoodie.table.keygenerator.type')).to.equal('SIMPLE')
    const deeper = { ...partitioned, partitionFields: ['note', 'id'] }
    expect(tableProperties(deeper).get('hoodie.table.keygenerator.type')).to.equal('COMPLEX')
  })

  it('of an append table have no record key', () => {
    const append = {
      ...shopDefinition,
      kind: 'append' as const,
      schema: { ...shopDefinition.schema, key: [] },
    }
    expect(tableProperties(append).has('hoodie.table.recordkey.fields')).to.equal(false)
  })

  it('are stored in the form Java reads', async () => {
    const store = new MemoryStore()
    await createTable(store, shopDefinition, fixedClock())
    const bytes = (await store.get('.hoodie/hoodie.properties'))!
    expect(decodeProperties(bytes)).to.deep.equal(new Map(tableProperties(shopDefinition)))
  })
})
