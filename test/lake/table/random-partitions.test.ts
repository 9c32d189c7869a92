import { expect } from 'chai'
import fc from 'fast-check'
import type { TableSchema } from '#catalog/types.ts'
import type { Clock } from '#common/clock.ts'
import { Journal } from '#lake/journal/journal.ts'
import { TableReader } from '#lake/reader/table-reader.ts'
import { clean } from '#lake/services/clean.ts'
import { compactSome } from '#lake/services/compact.ts'
import { defaultServicePolicy } from '#lake/services/table-services.ts'
import { MemoryStore } from '#lake/storage/memory.ts'
import { readDefinition } from '#lake/table/create.ts'
import type { WantedTable } from '#lake/table/open-table.ts'
import { openTable } from '#lake/table/open-table.ts'
import { fixedClock } from '../journal/table-fixture.ts'
import { canonicalRows } from '../reader/canonical.ts'
import { eager } from '../services/keyed-table.ts'
import type { Committed } from './model.ts'
import { afterCommits } from './model.ts'
import type { RowChange } from './vectors.ts'
import { batchOf, unchanged } from './vectors.ts'

const schema: TableSchema = {
  columns: [
    { name: 'id', type: { kind: 'string' }, nullable: false },
    { name: 'region', type: { kind: 'string' }, nullable: true },
    { name: 'day', type: { kind: 'date' }, nullable: true },
    { name: 'doc', type: { kind: 'string' }, nullable: true },
  ],
  key: ['id'],
}
const signal = new AbortController().signal

type Draw = { id: number; op: 'insert' | 'update' | 'delete'; region: number; keep: boolean; stay: boolean }
type Batch = {
  draws: Draw[]
  truncate: boolean
  after: 'nothing' | 'commit' | 'services' | 'abort' | 'refresh'
}

const batches = fc.array(
  fc.record({
    draws: fc.array(
      fc.record({
        id: fc.nat(9),
        op: fc.constantFrom<Draw['op']>('insert', 'update', 'update', 'delete'),
        region: fc.nat(3),
        keep: fc.boolean(),
        stay: fc.boolean(),
      }),
      { maxLength: 20 },
    ),
    truncate: fc.nat(11).map(drawn => drawn === 0),
    after: fc.constantFrom<Batch['after']>('nothing', 'commit', 'commit', 'services', 'abort', 'refresh'),
  }),
  { maxLength: 12 },
)

const regions = ['eu', 'us/west', null, '']
let written = 0

function changesOf(draws: readonly Draw[], seq: number): RowChange[] {
  return draws.map(({ id, op, region, keep, stay }) => {
    const key = { id: `k${id}` }
    if (op === 'delete') return { op, seq, row: key }
    const doc = keep && op === 'update' ? unchanged : `doc ${++written}`
    const where = stay && op === 'update' ? unchanged : regions[region]!
    return { op, seq, row: { ...key, region: where, day: 20_000 + (region % 2), doc } }
  })
}

const kinds: Record<string, Partial<WantedTable>> = {
  'partitioned by value': { partitionBy: [{ column: 'region' }] },
  'partitioned by two columns': {
    partitionBy: [{ column: 'region' }, { column: 'day', datePart: 'month' }],
    buckets: 1,
  },
  'with more keys than a writer may remember': { partitionBy: [{ column: 'region' }], keyIndexBytes: 0 },
  'partitioned by a hash of a column that is no key': { partitionBy: [{ column: 'doc', hash: 3 }] },
  'partitioned by a hash of the key': { partitionBy: [{ column: 'id', hash: 3 }] },
  'of version 6': { partitionBy: [{ column: 'region' }], version: 6 },
  'of copy on write': { partitionBy: [{ column: 'region' }], tableType: 'COPY_ON_WRITE' },
}

describe('a keyed table with partitions, under any changes', () => {
  for (const [name, kind] of Object.entries(kinds))
    it(`${name}, has one row for each key`, async () => {
      await fc.assert(
        fc.asyncProperty(batches, given => holdsModel(given, kind)),
        { numRuns: 30 },
      )
    })
})

/** Compacts what has a log, and removes what is older than an hour. */
async function runServices(store: MemoryStore, clock: Clock): Promise<void> {
  const journal = await Journal.open(store, { clock, writer: 'services', signal })
  const context = { store, definition: (await readDefinition(store))!, journal, clock, signal }
  await compactSome(context, eager)
  await clean(context, { ...defaultServicePolicy.cleaning, retentionMs: 3_600_000 })
}

async function holdsModel(given: Batch[], kind: Partial<WantedTable>): Promise<void> {
  const store = new MemoryStore()
  const wanted = {
    name: 't',
    schema,
    estimatedBytes: 0,
    buckets: 2,
    version: 8,
    policy: 'evolve',
    ...kind,
  } as const
  const clock = fixedClock()
  const writer = await openTable(wanted, { store, clock, writer: 'test', signal })
  const done: Committed[] = []
  let open: Committed[] = []
  for (const [index, { draws, truncate, after }] of given.entries()) {
    const seq = index >> 1
    const sequence = BigInt(seq)
    const changes = changesOf(draws, seq)
    await writer.stage({ batch: batchOf(schema, changes), truncate: truncate ? { sequence } : null }, signal)
    open.push({ changes, truncate })
    clock.nowAtMs += 10 * 60_000
    if (after === 'commit' || after === 'services') {
      await writer.commit([], {}, signal)
      done.push(...open)
      if (after === 'services') await runServices(store, clock)
    } else if (after !== 'nothing') await writer.abort()
    if (after === 'refresh') await writer.refresh()
    if (after !== 'nothing') open = []
  }
  await writer.close()
  const { expected, found } = await afterCommits(store, schema, done)
  expect(found).to.deep.equal(expected)
}

describe('a keyed table whose keys are unique in a partition, under any changes', () => {
  it('has the newest row of each key in each partition, and none after a delete', async () => {
    await fc.assert(
      fc.asyncProperty(batches, given => holdsEachPartition(given)),
      { numRuns: 30 },
    )
  })
})

async function holdsEachPartition(given: Batch[]): Promise<void> {
  const store = new MemoryStore()
  const wanted = {
    name: 't',
    schema,
    estimatedBytes: 0,
    buckets: 2,
    version: 8,
    policy: 'evolve',
    partitionBy: [{ column: 'region' }],
    keyScope: 'partition',
  } as const
  const writer = await openTable(wanted, { store, clock: fixedClock(), writer: 'test', signal })
  const model = new Map<string, Map<string, unknown>>()
  for (const [seq, { draws, after }] of given.entries()) {
    const named = draws.map(draw => ({ ...draw, keep: false, stay: false }))
    const changes = changesOf(named, seq >> 1)
    await writer.stage({ batch: batchOf(schema, changes), truncate: null }, signal)
    if (after === 'commit' || after === 'services') {
      await writer.commit([], {}, signal)
      for (const { op, row } of changes) {
        const id = row['id'] as string
        const rows = model.get(id) ?? new Map<string, unknown>()
        if (op === 'delete') rows.clear()
        else rows.set((row['region'] as string | null) || '', row['doc'])
        model.set(id, rows)
      }
    } else await writer.abort()
  }
  const found: unknown[] = []
  for await (const batch of (await TableReader.open(store)).read())
    for (const row of canonicalRows(batch)) found.push([row['id'], row['region'] || '', row['doc']])
  const expected = [...model].flatMap(([id, rows]) => [...rows].map(([region, doc]) => [id, region, doc]))
  const inText = (rows: unknown[]): string[] => rows.map(row => JSON.stringify(row)).toSorted()
  expect(inText(found)).to.deep.equal(inText(expected))
}
