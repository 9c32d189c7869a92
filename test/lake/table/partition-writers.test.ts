// Several writers of one partitioned table, between whom splits change hands while the former owner goes on for a
// while: each key has one row at every moment, the right one at the end.
import { expect } from 'chai'
import fc from 'fast-check'
import type { TableSchema } from '#catalog/types.ts'
import { ConflictError, FencedError } from '#common/errors.ts'
import { TableReader } from '#lake/reader/table-reader.ts'
import { MemoryStore } from '#lake/storage/memory.ts'
import type { WantedTable } from '#lake/table/open-table.ts'
import { openTable } from '#lake/table/open-table.ts'
import type { TableWriter } from '#lake/table/table-writer.ts'
import type { CanonicalRow } from '#test/bed/canonical.ts'
import { fixedClock } from '../journal/table-fixture.ts'
import { canonicalRows } from '../reader/canonical.ts'
import { inOrder, TableModel } from './model.ts'
import type { RowChange } from './vectors.ts'
import { batchOf } from './vectors.ts'

const schema: TableSchema = {
  columns: [
    { name: 'id', type: { kind: 'string' }, nullable: false },
    { name: 'region', type: { kind: 'string' }, nullable: true },
    { name: 'n', type: { kind: 'int32' }, nullable: true },
  ],
  key: ['id'],
}
const signal = new AbortController().signal
const splits = 3
const lanes = 2
const changesOfSplit = 120

type Act =
  | { kind: 'stage'; lane: number; split: number; count: number }
  | { kind: 'commit'; lane: number }
  | { kind: 'grant'; lane: number; split: number }

const acts = fc.array(
  fc.oneof(
    fc.record({
      kind: fc.constant('stage' as const),
      lane: fc.nat(lanes - 1),
      split: fc.nat(splits - 1),
      count: fc.integer({ min: 1, max: 6 }),
    }),
    fc.record({ kind: fc.constant('commit' as const), lane: fc.nat(lanes - 1) }),
    fc.record({ kind: fc.constant('grant' as const), lane: fc.nat(lanes - 1), split: fc.nat(splits - 1) }),
  ),
  { minLength: 40, maxLength: 120 },
)

/** What a split brings: changes of its own keys, in order. */
function changesOf(split: number): RowChange[] {
  return Array.from({ length: changesOfSplit }, (_, at): RowChange => {
    const id = `k${split}-${(at * 7) % 5}`
    const seq = at + 1
    if (at % 6 === 5) return { op: 'delete', seq, row: { id } }
    return { op: 'update', seq, row: { id, region: `r${(at * 3 + split) % 4}`, n: at } }
  })
}

/** A lane as a worker runs it: reads its splits on from where the table has them. */
class Lane {
  readonly writer: TableWriter
  /** Of the splits it believes to own: what the table held, and how far it has read. */
  readonly held = new Map<string, number>()
  readonly read = new Map<string, number>()

  constructor(writer: TableWriter) {
    this.writer = writer
  }

  /** A grant: all that is under way is dropped, and begun anew from what the table has. */
  async begin(owned: Iterable<string>): Promise<void> {
    await this.writer.abort()
    await this.writer.refresh()
    const positions = this.writer.positions()
    this.held.clear()
    for (const split of owned) this.held.set(split, Number(positions.get(split) ?? 0))
    this.read.clear()
    for (const [split, at] of this.held) this.read.set(split, at)
  }

  async stage(split: string, changes: readonly RowChange[], count: number): Promise<void> {
    const from = this.read.get(split)
    if (from === undefined || from >= changes.length) return
    const batch = batchOf(schema, changes.slice(from, from + count))
    await this.writer.stage({ batch, truncate: null }, signal)
    this.read.set(split, from + batch.length)
  }

  async commit(): Promise<void> {
    const moved = [...this.read].filter(([split, at]) => at !== this.held.get(split))
    const moves = moved.map(([split, at]) => {
      const from = this.held.get(split)!
      return { split, from: from === 0 ? null : String(from), to: String(at) }
    })
    try {
      await this.writer.commit(moves, {}, signal)
      for (const [split, at] of moved) this.held.set(split, at)
    } catch (error) {
      if (!(error instanceof ConflictError) && !(error instanceof FencedError)) throw error
      await this.begin([...this.held.keys()])
    }
  }
}

async function rowsOf(store: MemoryStore): Promise<CanonicalRow[]> {
  const rows: CanonicalRow[] = []
  for await (const batch of (await TableReader.open(store)).read()) rows.push(...canonicalRows(batch))
  return rows
}

async function run(given: readonly Act[], kind: Partial<WantedTable>): Promise<void> {
  const store = new MemoryStore()
  const clock = fixedClock()
  const wanted = {
    name: 't',
    schema,
    estimatedBytes: 0,
    buckets: 2,
    version: 8,
    policy: 'evolve',
    partitionBy: [{ column: 'region' }],
    ...kind,
  } as const
  const all: Lane[] = []
  for (let lane = 0; lane < lanes; lane++)
    all.push(new Lane(await openTable(wanted, { store, clock, writer: `lane ${lane}`, signal })))
  const owners = new Map(Array.from({ length: splits }, (_, split) => [String(split), split % lanes]))
  const sources = new Map([...owners.keys()].map(split => [split, changesOf(Number(split))]))
  const ownedBy = (lane: number): string[] =>
    [...owners].flatMap(([split, owner]) => (owner === lane ? [split] : []))
  for (const [number, lane] of all.entries()) await lane.begin(ownedBy(number))
  for (const act of given) {
    const lane = all[act.lane]!
    if (act.kind === 'grant') {
      // The former owner is not told: it finds out when its commit is refused.
      owners.set(String(act.split), act.lane)
      await lane.begin(ownedBy(act.lane))
    } else if (act.kind === 'commit') {
      await lane.commit()
      const ids = (await rowsOf(store)).map(({ id }) => id)
      expect(new Set(ids).size, 'a key has two rows').to.equal(ids.length)
    } else await lane.stage(String(act.split), sources.get(String(act.split))!, act.count)
  }
  for (const [number, lane] of all.entries()) {
    await lane.begin(ownedBy(number))
    for (const split of ownedBy(number)) await lane.stage(split, sources.get(split)!, changesOfSplit)
    await lane.commit()
  }
  const model = new TableModel(schema)
  for (const changes of sources.values()) model.apply(changes)
  expect(inOrder(await rowsOf(store))).to.deep.equal(model.rows())
}

const kinds: Record<string, Partial<WantedTable>> = {
  'when keys are remembered': {},
  'when keys are looked up each time': { keyIndexBytes: 0 },
  'in copy on write': { tableType: 'COPY_ON_WRITE' },
}

describe('writers of a partitioned table between whom splits change hands', () => {
  for (const [name, kind] of Object.entries(kinds))
    it(`keep one row for each key, ${name}`, async () => {
      await fc.assert(
        fc.asyncProperty(acts, given => run(given, kind)),
        { numRuns: 8 },
      )
    })
})
