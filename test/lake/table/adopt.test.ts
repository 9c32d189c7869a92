import { expect } from 'chai'
import { systemClock } from '#common/clock.ts'
import { positionsOfCheckpoint } from '#connectors/kafka/position.ts'
import { MemoryStore } from '#lake/storage/memory.ts'
import type { Adoption } from '#lake/table/adoptable.ts'
import { adoptTable } from '#lake/table/adopt.ts'
import { openTable } from '#lake/table/open-table.ts'
import type { WantedTable } from '#lake/table/open-table.ts'
import { decodeProperties, encodeProperties } from '#lake/timeline/properties.ts'
import type { TableSchema } from '#catalog/types.ts'
import { batchOf } from './vectors.ts'

const { signal } = new AbortController()
const propertiesPath = '.hoodie/hoodie.properties'
const schema: TableSchema = {
  columns: [
    { name: 'id', type: { kind: 'int64' }, nullable: false },
    { name: 'note', type: { kind: 'string' }, nullable: true },
  ],
  key: ['id'],
}
const wanted: WantedTable = {
  name: 'orders',
  schema,
  buckets: 4,
  estimatedBytes: 0,
  version: 8,
  policy: 'evolve',
}

const open = (store: MemoryStore) => openTable(wanted, { store, clock: systemClock, writer: 'test', signal })

async function write(store: MemoryStore, ids: readonly number[], to: string): Promise<void> {
  const writer = await open(store)
  const rows = ids.map(id => ({ op: 'update', seq: id, row: { id: BigInt(id), note: 'a' } }) as const)
  await writer.stage({ batch: batchOf(schema, rows), truncate: null }, signal)
  const from = writer.positions().get('orders/0') ?? null
  await writer.commit([{ split: 'orders/0', from, to }], {}, signal)
}

/** A table without a journal, as another engine leaves it. */
async function strayTable(): Promise<MemoryStore> {
  const store = new MemoryStore()
  await write(store, [1, 2, 3, 4, 5, 6], '6@0')
  const ours: string[] = []
  for await (const { path } of store.list('.hoodie/.sluice/')) ours.push(path)
  await store.delete(ours)
  return store
}

function adopt(store: MemoryStore, more: Partial<Adoption> = {}) {
  const adoption = { key: ['id'], buckets: 4, positionsOf: positionsOfCheckpoint, ...more }
  return adoptTable(store, adoption, { clock: systemClock, signal })
}

async function refusal(work: Promise<unknown>): Promise<string> {
  return work.then(
    () => 'taken over',
    (error: { code: string; message: string }) => `${error.code}: ${error.message}`,
  )
}

async function setProperty(store: MemoryStore, name: string, value: string): Promise<void> {
  const properties = new Map(decodeProperties((await store.get(propertiesPath))!))
  properties.set(name, value)
  await store.put(propertiesPath, encodeProperties(properties, 'changed'))
}

describe('taking over a table', () => {
  it('makes the journal of a table that lost it, where its newest commit stands', async () => {
    const store = await strayTable()
    expect(await refusal(open(store))).to.match(/^LAKE_JOURNAL_MISSING/)
    const { hadJournal, positions } = await adopt(store)
    expect(hadJournal).to.equal(false)
    expect([...positions]).to.deep.equal([['orders/0', '6@0']])
    await write(store, [7], '7@0')
    expect((await open(store)).positions().get('orders/0')).to.equal('7@0')
  })

  const refusals: { name: string; adoption?: Partial<Adoption>; property?: [string, string]; why: RegExp }[] =
    [
      { name: 'another number of buckets', adoption: { buckets: 8 }, why: /not in its bucket of 8/ },
      { name: 'fewer buckets than there are', adoption: { buckets: 2 }, why: /none of 2 buckets/ },
      { name: 'another key', adoption: { key: ['note'] }, why: /its key is \(id\), not \(note\)/ },
      { name: 'no key', adoption: { key: [] }, why: /its key is/ },
      {
        name: 'another ordering field',
        property: ['hoodie.table.precombine.field', 'note'],
        why: /ordering field is note/,
      },
      { name: 'partitions', property: ['hoodie.table.partition.fields', 'note'], why: /partitions \(note\)/ },
      {
        name: 'a metadata table',
        property: ['hoodie.table.metadata.partitions', 'files'],
        why: /metadata table/,
      },
      { name: 'local time', property: ['hoodie.table.timeline.timezone', 'LOCAL'], why: /not in UTC/ },
    ]
  for (const { name, adoption, property, why } of refusals)
    it(`refuses one with ${name}, and changes nothing`, async () => {
      const store = await strayTable()
      if (property !== undefined) await setProperty(store, ...property)
      const message = await refusal(adopt(store, adoption))
      expect(message).to.match(/^LAKE_NOT_ADOPTABLE/)
      expect(message).to.match(why)
      for await (const { path } of store.list('.hoodie/.sluice/')) expect.fail(path)
    })

  it('refuses one that is being written', async () => {
    const store = await strayTable()
    await store.put('.hoodie/timeline/20301124120000000.deltacommit.inflight', new Uint8Array(0))
    expect(await refusal(adopt(store))).to.match(/pending: is it being written/)
  })
})
