import { expect } from 'chai'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Plan } from '#api/plan.ts'
import { systemClock } from '#common/clock.ts'
import { hudi } from '#connectors/hudi/connector.ts'
import { hudiSpec, hudiTableOptions } from '#connectors/hudi/spec.ts'
import { TableReader } from '#lake/reader/table-reader.ts'
import { openStore } from '#lake/storage/open.ts'
import type { CanonicalRow } from '#test/bed/canonical.ts'
import { hudiContext } from '#test/connectors/hudi/hudi-context.ts'
import { bed } from '#test/connectors/kafka/source-bed.ts'
import { canonicalRows } from '#test/lake/reader/canonical.ts'
import type { FromLane } from '#worker/lane-protocol.ts'
import { OpenWriters } from '#worker/open-writers.ts'
import { Session } from '#worker/session.ts'
import { TablePlanner } from '#worker/table-plan.ts'

const { signal } = new AbortController()
const plan = {
  discovery: { include: ['*'], exclude: [] },
  tables: [{ include: 't', exclude: [], targetTable: null, key: null, options: hudiTableOptions.parse({}) }],
  mode: 'snapshotAndStream',
  start: 'earliest',
} as const

describe('a sampled topic after a restart', () => {
  let folder: string
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'sluice-sampled-'))
  })
  afterEach(() => rm(folder, { recursive: true, force: true }))

  /** A worker from its start until it has read all there is; its sampler sees these records, from an offset on. */
  async function work(
    records: readonly string[],
    {
      from = 0,
      schemaEvolution = 'evolve',
      spec = {},
    }: { from?: number; schemaEvolution?: string; spec?: object } = {},
  ): Promise<void> {
    const { source, kafka } = bed({ spec })
    kafka.partition('t', 0).earliest = from
    const retained = records.slice(from)
    kafka.produce(
      't',
      0,
      retained.map(value => ({ value })),
    )
    const target = await hudi.openTarget!(hudiContext(hudiSpec.parse({ url: `file://${folder}` })))
    const planner = new TablePlanner({ ...plan, schemaEvolution } as unknown as Plan, source, target)
    const writers = new OpenWriters(target)
    try {
      const planned = await planner.refresh(signal)
      const tables = await Promise.all(
        planned.tables.map(async granted => ({ granted, writer: await writers.of(granted.target, signal) })),
      )
      const options = { bufferBytesMax: 1 << 20, freshnessMs: 1000, clock: systemClock }
      const { splits } = planned.plan
      const drain = new AbortController()
      const report = (message: FromLane): void => {
        if (message.kind === 'read' && message.caughtUp) drain.abort()
      }
      await new Session({ source, splits, tables, ...options, report }).run(drain.signal, signal)
    } finally {
      await Promise.all([planner.close(), writers.close(), source.close()])
      await target.close()
    }
  }

  async function rows(): Promise<CanonicalRow[]> {
    const store = (await openStore(`file://${folder}`, { clock: systemClock })).at('t')
    const reader = await TableReader.open(store)
    const found: CanonicalRow[] = []
    const names = reader.schema.columns.map(({ name }) => name).filter(name => !name.startsWith('_'))
    for await (const batch of reader.read({ columns: names })) found.push(...canonicalRows(batch))
    return found.toSorted((a, b) => Number(a['id']) - Number(b['id']))
  }

  const first = ['{"id":1,"price":1.5,"user-name":"ann","tag":"x","n":7}', '{"id":2,"tag":3}']
  const between = Array.from({ length: 600 }, (_, at) => `{"id":${at + 3}}`)
  // No sample has this record: it is neither among the first 250 of a partition nor among the last.
  between[300] = '{"id":303,"price":2,"user-name":"bob","tag":{"a":1},"n":8}'

  it('goes on with the columns and the types that the table has', async () => {
    await work(first)
    await work([...first, ...between])
    const all = await rows()
    expect(all).to.have.length(602)
    expect(all.find(row => row['id'] === 303)).to.deep.equal({
      id: 303,
      price: '2.0',
      user__name: 'bob',
      tag: '{"a":1}',
      n: 8,
    })
  })

  it('keeps a type that the newest sample knows a narrower one for', async () => {
    await work(first)
    // price was float64 and tag text; both look like whole numbers now.
    const newest = ['{"id":3,"price":4,"tag":5}', '{"id":4,"price":5,"tag":6,"new":true}']
    await work([...first, ...newest], { from: 2 })
    expect((await rows()).at(-1)).to.include({ id: 4, price: '5.0', tag: '6', new: true })
  })

  it('goes on with the fields that a struct of the table has, and adds new ones', async () => {
    const spec = { jsonObjects: 'struct' }
    const old = [
      '{"id":1,"who":{"user-name":"ann","n":1},"items":[{"sku":"a"},null]}',
      '{"id":2,"who":null,"items":[]}',
    ]
    await work(old, { spec })
    // The newest sample knows neither the name nor the items, and takes n for a fraction.
    const newest = ['{"id":3,"who":{"n":3.0,"at":{"zip":"x"}}}', '{"id":4,"who":{"at":null}}']
    await work([...old, ...newest], { spec, from: 2 })
    await work([...old, ...newest, '{"id":5,"who":{"user-name":"bob","n":5},"items":[{"sku":"b"}]}'], {
      spec,
      from: 4,
    })
    expect(await rows()).to.deep.equal([
      { id: 1, who: { user__name: 'ann', n: 1, at: null }, items: [{ sku: 'a' }, null] },
      { id: 2, who: null, items: [] },
      { id: 3, who: { user__name: null, n: 3, at: { zip: 'x' } }, items: null },
      { id: 4, who: { user__name: null, n: null, at: null }, items: null },
      { id: 5, who: { user__name: 'bob', n: 5, at: null }, items: [{ sku: 'b' }] },
    ])
  })

  it('keeps as text what the table has as text, though objects are now structs', async () => {
    await work(['{"id":1,"o":{"a":1}}'])
    await work(['{"id":1,"o":{"a":1}}', '{"id":2,"o":{"a": 2},"p":{"b":1}}'], {
      spec: { jsonObjects: 'struct' },
    })
    expect((await rows()).at(-1)).to.deep.equal({ id: 2, o: '{"a": 2}', p: { b: 1 } })
  })

  it('takes a column that the sample lacks for no change, under any policy', async () => {
    await work(first)
    await work([...first, '{"id":3}'], { from: 2, schemaEvolution: 'fail' })
    expect((await rows()).at(-1)).to.include({ id: 3, price: null })
  })

  it('names the record whose value does not fit, rather than the schema', async () => {
    await work(first)
    const error = await work([...first, '{"id":3,"n":1.5}'], { from: 2 }).catch((thrown: unknown) => thrown)
    expect(error).to.have.property('message').that.includes('Column n').and.includes('record 2 of t/0')
  })
})
