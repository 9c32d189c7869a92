// A resync, its worker dying at every single call to the store, before the call has an effect and after: whoever comes
// next ends it, and on the way no reader misses a row that the source has had all along.
import { expect } from 'chai'
import type { Plan } from '#api/plan.ts'
import { resyncMark } from '#catalog/position.ts'
import { systemClock } from '#common/clock.ts'
import type { ChangeBatch } from '#catalog/change-batch.ts'
import type { TableSchema } from '#catalog/types.ts'
import type { SourcePlan, SourceTable, Target } from '#connectors/connector.ts'
import { TableReader } from '#lake/reader/table-reader.ts'
import { MemoryStore } from '#lake/storage/memory.ts'
import type { ObjectStore } from '#lake/storage/object-store.ts'
import { openTable } from '#lake/table/open-table.ts'
import type { TableWriter } from '#lake/table/table-writer.ts'
import { splitPositions } from '#worker/resync.ts'
import type { PlanSource } from '#worker/table-plan.ts'
import { TablePlanner } from '#worker/table-plan.ts'
import { fixedClock } from '../lake/journal/table-fixture.ts'
import { canonicalRows } from '../lake/reader/canonical.ts'
import type { RowChange } from '../lake/table/vectors.ts'
import { batchOf } from '../lake/table/vectors.ts'
import { Ledger, LedgerSource, ledgerSchema, moveOf } from './ledger-source.ts'
import { diedOf, MortalStore } from './mortal-store.ts'

const { signal } = new AbortController()
const logEnd = 2

function planOf(resync: string | null): Plan {
  return {
    discovery: { include: ['*'], exclude: [] },
    tables: [{ include: 't', exclude: [], targetTable: null, key: null, options: {} }],
    mode: 'snapshotAndStream',
    start: 'earliest',
    ...(resync === null ? {} : { resync: { id: resync, tables: ['*'] } }),
  } as unknown as Plan
}

function open(store: ObjectStore, schema: TableSchema = ledgerSchema): Promise<TableWriter> {
  const wanted = {
    name: 't',
    schema,
    estimatedBytes: 0,
    ...(schema.key.length > 0 ? { buckets: 2 } : {}),
    version: 8,
    policy: 'evolve',
  } as const
  // No two processes name their files alike.
  const clock = Object.assign(fixedClock(), { uuid: () => systemClock.uuid() })
  return openTable(wanted, { store, clock, writer: 'test', signal })
}

/** One process, from its start until it has followed the log for a while. */
async function live(ledger: Ledger, store: ObjectStore, resync: string | null): Promise<void> {
  const source = new LedgerSource(ledger)
  source.onSnapshot = () => {
    ledger.change(6, 'changed later', true)
    ledger.change(7, null, true)
    ledger.change(40, 'came later', true)
  }
  const target = { openTable: () => open(store) } as unknown as Target
  const planner = new TablePlanner(planOf(resync), source, target)
  const writer = await open(store)
  for (let logs = 0; logs < logEnd;) {
    const { plan } = await planner.refresh(signal)
    const bounded = plan.splits.filter(split => split.bounded)
    for (const split of bounded.length > 0 ? bounded : plan.splits) {
      await writer.refresh()
      const positions = splitPositions(writer.positions())
      const table = {
        name: 't',
        schema: ledgerSchema,
        positions,
        mode: 'snapshotAndStream',
        start: 'earliest',
      } as const
      for (const { changes, position } of source.read(split, table)) {
        for (const { batch, truncate } of changes) await writer.stage({ batch, truncate }, signal)
        await writer.commit([moveOf(split, positions, position!)], {}, signal)
      }
      if (!split.bounded) logs++
    }
  }
}

async function rowsOf(store: MemoryStore): Promise<Map<number, string>> {
  const rows = new Map<number, string>()
  for await (const batch of (await TableReader.open(store)).read())
    for (const { id, note } of canonicalRows(batch)) rows.set(id as number, note as string)
  return rows
}

/** A table of twenty rows, from which its source has moved away without a word. */
async function astray(): Promise<{ ledger: Ledger; store: MemoryStore }> {
  const ledger = new Ledger()
  for (let id = 0; id < 20; id++) ledger.change(id, `row ${id}`, true)
  const store = new MemoryStore()
  await live(ledger, store, null)
  for (const id of [1, 2]) ledger.change(id, null, false)
  for (const id of [3, 4]) ledger.change(id, 'changed unheard', false)
  for (const id of [30, 31]) ledger.change(id, 'came unheard', false)
  return { ledger, store }
}

/** Rows that are in the source all along, whatever becomes of their values. */
const always = [0, 3, 4, 5, 6, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19]

function watched(truth: MemoryStore): (path: string) => Promise<void> {
  return async path => {
    if (!path.startsWith('.hoodie/timeline/')) return
    const seen = await rowsOf(truth)
    expect(
      always.filter(id => !seen.has(id)),
      `rows missing at ${path}`,
    ).to.deep.equal([])
  }
}

describe('a resync', () => {
  it('makes the table what the source is, with the rows that nothing told of', async () => {
    const { ledger, store } = await astray()
    expect((await rowsOf(store)).get(1), 'a row the source no longer has').to.equal('row 1')
    await live(ledger, store, 'one')
    expect(await rowsOf(store)).to.deep.equal(ledger.rows)
  })

  it('is done once for one id, and again for another', async () => {
    const { ledger, store } = await astray()
    await live(ledger, store, 'one')
    ledger.change(5, null, false)
    await live(ledger, store, 'one')
    expect((await rowsOf(store)).has(5), 'still there').to.equal(true)
    await live(ledger, store, 'two')
    expect((await rowsOf(store)).has(5), 'after another resync').to.equal(false)
    expect((await open(store)).positions().get(resyncMark)).to.equal('two')
  })

  for (const effect of ['before', 'after'] as const)
    it(`survives a death at each call, ${effect} its effect`, async function () {
      this.timeout(120_000)
      let deaths = 0
      for (let call = 1; ; call++) {
        const { ledger, store } = await astray()
        const mortal = new MortalStore(store, { call, effect }, watched(store))
        const died = await diedOf(live(ledger, mortal, 'one'))
        if (!died) break
        deaths++
        const heir = new MortalStore(store, null, watched(store))
        await live(ledger, heir, 'one')
        expect(await rowsOf(store), `after a death at call ${call}`).to.deep.equal(ledger.rows)
      }
      expect(deaths).to.be.greaterThan(60)
    })
})

/** A topic of one partition, of which every record is kept. */
class TopicSource implements PlanSource {
  readonly #records: readonly number[]

  constructor(records: readonly number[]) {
    this.#records = records
  }

  discover(): Promise<
    { name: string; schema: TableSchema; estimatedRows: number; estimatedBytes: number }[]
  > {
    return Promise.resolve([{ name: 't', schema: topicSchema, estimatedRows: 0, estimatedBytes: 0 }])
  }

  checkResync(): Promise<void> {
    return Promise.resolve()
  }

  plan([table]: readonly SourceTable[]): Promise<SourcePlan> {
    const split = { id: 't/0', tables: ['t'], bounded: false, stage: 1, weight: 1 }
    const isNew = !table!.positions.has(split.id)
    const first = new Map([['t', new Map([[split.id, '0']])]])
    return Promise.resolve({ splits: [split], initialPositions: isNew ? first : new Map() })
  }

  /** A few records from the position on, and the one after them; null at the end. */
  read(position: string): { batch: ChangeBatch; position: string } | null {
    const from = Number(position)
    const records = this.#records.slice(from, from + 3)
    if (records.length === 0) return null
    const changes = records.map((id, index): RowChange => ({ seq: from + index, row: { id, note: null } }))
    return { batch: batchOf(topicSchema, changes), position: String(from + records.length) }
  }
}

const topicSchema = { ...ledgerSchema, key: [] }

async function liveOnTopic(records: readonly number[], store: ObjectStore, resync: string): Promise<void> {
  const source = new TopicSource(records)
  const openTopic = (): Promise<TableWriter> => open(store, topicSchema)
  const target = { openTable: openTopic } as unknown as Target
  await new TablePlanner(planOf(resync), source, target).refresh(signal)
  const writer = await openTopic()
  for (;;) {
    const from = writer.positions().get('t/0')!
    const read = source.read(from)
    if (read === null) return
    await writer.stage({ batch: read.batch, truncate: null }, signal)
    await writer.commit([{ split: 't/0', from, to: read.position }], {}, signal)
  }
}

async function idsOf(store: MemoryStore): Promise<number[]> {
  const ids: number[] = []
  for await (const batch of (await TableReader.open(store)).read())
    ids.push(...canonicalRows(batch).map(({ id }) => id as number))
  return ids.toSorted((a, b) => a - b)
}

describe('a resync of a table without a key', () => {
  const records = Array.from({ length: 11 }, (_, id) => id)

  for (const effect of ['before', 'after'] as const)
    it(`has every row once, whenever the worker dies, ${effect} the effect of a call`, async function () {
      this.timeout(120_000)
      let deaths = 0
      for (let call = 1; ; call++) {
        const store = new MemoryStore()
        await liveOnTopic(records, store, 'one')
        const mortal = new MortalStore(store, { call, effect }, async () => undefined)
        const died = await diedOf(liveOnTopic(records, mortal, 'two'))
        if (!died) break
        deaths++
        const seen = await idsOf(store)
        expect(new Set(seen).size, `none twice, after a death at call ${call}`).to.equal(seen.length)
        await liveOnTopic(records, store, 'two')
        expect(await idsOf(store), `after a death at call ${call}`).to.deep.equal(records)
      }
      expect(deaths).to.be.greaterThan(30)
    })
})
