import { expect } from 'chai'
import fc from 'fast-check'
import type { TableSchema } from '#catalog/types.ts'
import { MemoryStore } from '#lake/storage/memory.ts'
import { openTable } from '#lake/table/open-table.ts'
import { fixedClock } from '../journal/table-fixture.ts'
import type { Committed } from './model.ts'
import { afterCommits } from './model.ts'
import type { RowChange } from './vectors.ts'
import { batchOf, unchanged } from './vectors.ts'

const schema: TableSchema = {
  columns: [
    { name: 'id', type: { kind: 'string' }, nullable: false },
    { name: 'doc', type: { kind: 'string' }, nullable: true },
    { name: 'n', type: { kind: 'int64' }, nullable: true },
  ],
  key: ['id'],
}
const signal = new AbortController().signal

type Draw = { id: number; op: 'insert' | 'update' | 'delete'; keep: boolean }
type Batch = { draws: Draw[]; truncate: boolean; after: 'nothing' | 'commit' | 'abort' }

const batches = fc.array(
  fc.record({
    draws: fc.array(
      fc.record({
        id: fc.nat(12),
        op: fc.constantFrom<Draw['op']>('insert', 'update', 'update', 'delete'),
        keep: fc.boolean(),
      }),
      { maxLength: 25 },
    ),
    truncate: fc.integer({ min: 0, max: 9 }).map(drawn => drawn === 0),
    after: fc.constantFrom<Batch['after']>('nothing', 'commit', 'commit', 'abort'),
  }),
  { maxLength: 10 },
)

let written = 0

function changesOf(draws: readonly Draw[], seq: number): RowChange[] {
  return draws.map(({ id, op, keep }) => {
    const n = ++written
    const doc = keep && op === 'update' ? unchanged : `doc ${n}`
    return { op, seq, row: op === 'delete' ? { id: `k${id}` } : { id: `k${id}`, doc, n } }
  })
}

const kinds = [
  { version: 8, tableType: 'MERGE_ON_READ' },
  { version: 8, tableType: 'COPY_ON_WRITE' },
  { version: 6, tableType: 'MERGE_ON_READ' },
  { version: 6, tableType: 'COPY_ON_WRITE' },
] as const

describe('a keyed table under any changes', () => {
  for (const kind of kinds)
    it(`${kind.tableType} of version ${kind.version} holds what a plain model holds`, () => holdsModel(kind))
})

async function holdsModel(kind: (typeof kinds)[number]): Promise<void> {
  const property = fc.asyncProperty(batches, async given => {
    const store = new MemoryStore()
    const wanted = {
      name: 't',
      schema,
      estimatedBytes: 0,
      buckets: 3,
      ...kind,
      policy: 'evolve',
    } as const
    const writer = await openTable(wanted, { store, clock: fixedClock(), writer: 'test', signal })
    const done: Committed[] = []
    let open: Committed[] = []
    for (const [index, { draws, truncate, after }] of given.entries()) {
      // As in a transaction, changes share a sequence, also across batches: then the later one holds.
      const seq = index >> 1
      const sequence = BigInt(seq)
      const changes = changesOf(draws, seq)
      await writer.stage(
        { batch: batchOf(schema, changes), truncate: truncate ? { sequence } : null },
        signal,
      )
      open.push({ changes, truncate })
      if (after === 'commit') {
        await writer.commit([], {}, signal)
        done.push(...open)
      } else if (after === 'abort') await writer.abort()
      if (after !== 'nothing') open = []
    }
    await writer.close()
    const { expected, found } = await afterCommits(store, schema, done)
    expect(found).to.deep.equal(expected)
  })
  await fc.assert(property, { numRuns: 60 })
}
