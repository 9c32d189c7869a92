// ALTER TABLE while a job runs, all the way into a Hudi table, also over restarts of the worker.
import { expect } from 'chai'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Plan } from '#api/plan.ts'
import { systemClock } from '#common/clock.ts'
import { ConfigError } from '#common/errors.ts'
import { hudi } from '#connectors/hudi/connector.ts'
import { hudiSpec } from '#connectors/hudi/spec.ts'
import { TableReader } from '#lake/reader/table-reader.ts'
import { openStore } from '#lake/storage/open.ts'
import type { CanonicalRow } from '#test/bed/canonical.ts'
import { hudiContext } from '#test/connectors/hudi/hudi-context.ts'
import { canonicalRows } from '#test/lake/reader/canonical.ts'
import { OpenWriters } from '#worker/open-writers.ts'
import { Session } from '#worker/session.ts'
import { TablePlanner } from '#worker/table-plan.ts'
import { Job, never } from './bed.ts'
import { sharedServer } from './shared-server.ts'

describe('ALTER TABLE, into the lake', function () {
  this.timeout(60_000)
  let job: Job
  let folder: string
  beforeEach(async () => {
    job = await Job.create(await sharedServer())
    folder = await mkdtemp(join(tmpdir(), 'sluice-alter-'))
  })
  afterEach(async () => {
    await job.end()
    await rm(folder, { recursive: true, force: true })
  })

  /** A worker that reads until `done`; throws what its session throws. */
  async function work(
    done: () => Promise<void>,
    schemaEvolution: Plan['schemaEvolution'] = 'evolve',
  ): Promise<void> {
    const target = await hudi.openTarget!(hudiContext(hudiSpec.parse({ url: `file://${folder}` })))
    const source = await job.source()
    const plan = {
      discovery: { include: ['*'], exclude: [] },
      tables: [{ include: 'public.t', exclude: [], targetTable: null, key: null, options: { buckets: 1 } }],
      mode: 'snapshotAndStream',
      start: 'latest',
      schemaEvolution,
    } as const
    const planner = new TablePlanner(plan as unknown as Plan, source, target)
    const writers = new OpenWriters(target)
    const drain = new AbortController()
    const stop = new AbortController()
    try {
      for (const isBounded of [true, false]) {
        const { tables: granted, plan: planned } = await planner.refresh(never)
        const splits = planned.splits.filter(({ bounded }) => bounded === isBounded)
        if (splits.length === 0) continue
        const tables = await Promise.all(
          granted.map(async each => ({ granted: each, writer: await writers.of(each.target, never) })),
        )
        const options = {
          bufferBytesMax: 1 << 22,
          freshnessMs: 100,
          clock: systemClock,
          report: () => undefined,
        }
        const running = new Session({ source, splits, tables, ...options }).run(drain.signal, stop.signal)
        if (isBounded) await running
        else {
          const ended = running.finally(() => stop.abort())
          await Promise.race([done().finally(() => drain.abort()), ended])
          await ended
        }
      }
    } finally {
      await Promise.all([planner.close(), writers.close(), source.close()])
      await target.close()
    }
  }

  async function rows(): Promise<CanonicalRow[]> {
    const store = (await openStore(`file://${folder}`, { clock: systemClock })).at('t')
    const found: CanonicalRow[] = []
    const reader = await TableReader.open(store)
    const columns = reader.schema.columns.map(({ name }) => name).filter(name => name !== '_sluice_seq')
    for await (const batch of reader.read({ columns })) found.push(...canonicalRows(batch))
    return found.toSorted((a, b) => Number(a['id']) - Number(b['id']))
  }

  async function arrive(expected: CanonicalRow[]): Promise<void> {
    let found: unknown
    for (let left = 100; left > 0; left--) {
      found = await rows().catch((error: unknown) => error)
      if (JSON.stringify(found) === JSON.stringify(expected)) return
      await sleep(100)
    }
    expect(found).to.deep.equal(expected)
  }

  it('adds, widens, drops and renames columns as they come', async () => {
    await job.sql(
      'CREATE TABLE t (id int PRIMARY KEY, n int, price numeric(6,2), note varchar(20))',
      "INSERT INTO t VALUES (1, 1, 1.5, 'one'), (2, 2, 2.5, 'two')",
    )
    await work(async () => {
      await arrive([
        { id: 1, n: 1, price: '1.50', note: 'one' },
        { id: 2, n: 2, price: '2.50', note: 'two' },
      ])
      await job.sql(
        'ALTER TABLE t ADD tags text[]',
        'ALTER TABLE t ALTER n TYPE bigint, ALTER price TYPE numeric(20,2), ALTER note TYPE text',
        "INSERT INTO t VALUES (3, 1099511627776, 123456789012.25, 'three', '{a,NULL}')",
        "UPDATE t SET note = 'uno' WHERE id = 1",
      )
      await arrive([
        { id: 1, n: 1, price: '1.50', note: 'uno', tags: null },
        { id: 2, n: 2, price: '2.50', note: 'two', tags: null },
        { id: 3, n: 1099511627776, price: '123456789012.25', note: 'three', tags: ['a', null] },
      ])
      await job.sql('ALTER TABLE t DROP price', 'ALTER TABLE t RENAME note TO remark')
      await job.sql("UPDATE t SET remark = 'zwei' WHERE id = 2")
      await arrive([
        { id: 1, n: 1, price: '1.50', note: 'uno', tags: null, remark: null },
        { id: 2, n: 2, price: null, note: null, tags: null, remark: 'zwei' },
        { id: 3, n: 1099511627776, price: '123456789012.25', note: 'three', tags: ['a', null], remark: null },
      ])
    })
    // What changes while no worker runs is found in the log, step by step.
    await job.sql(
      "INSERT INTO t (id, n, tags, remark) VALUES (4, 4, '{x}', 'vier')",
      'ALTER TABLE t ADD again smallint',
      'INSERT INTO t (id, again) VALUES (5, 5)',
      'ALTER TABLE t ALTER again TYPE double precision',
      'INSERT INTO t (id, again) VALUES (6, 0.5)',
    )
    const nothing = { n: null, price: null, note: null, tags: null, remark: null }
    await work(() =>
      arrive([
        { id: 1, n: 1, price: '1.50', note: 'uno', tags: null, remark: null, again: null },
        { id: 2, n: 2, price: null, note: null, tags: null, remark: 'zwei', again: null },
        {
          id: 3,
          n: 1099511627776,
          price: '123456789012.25',
          note: 'three',
          tags: ['a', null],
          remark: null,
          again: null,
        },
        { id: 4, n: 4, price: null, note: null, tags: ['x'], remark: 'vier', again: null },
        { id: 5, ...nothing, again: '5.0' },
        { id: 6, ...nothing, again: '0.5' },
      ]),
    )
  })

  const refusals: { change: string; policy: Plan['schemaEvolution']; says: string }[] = [
    {
      change: 'ALTER TABLE t ALTER n TYPE text',
      policy: 'evolve',
      says: 'column n changed from int32 to string',
    },
    {
      change: 'ALTER TABLE t ALTER n TYPE numeric(12,2)',
      policy: 'evolve',
      says: 'column n changed from int32 to decimal(12,2)',
    },
    { change: 'ALTER TABLE t ALTER n TYPE bigint', policy: 'additive', says: 'from int32 to int64' },
    { change: 'ALTER TABLE t ADD m int', policy: 'fail', says: 'column m (int32) is new' },
    { change: 'ALTER TABLE t DROP n', policy: 'fail', says: 'column n (int32) is gone' },
  ]
  for (const { change, policy, says } of refusals)
    it(`stops by name, and loses nothing, under ${policy}: ${change}`, async () => {
      await job.sql('CREATE TABLE t (id int PRIMARY KEY, n int)', 'INSERT INTO t VALUES (1, 1)')
      const error = await work(async () => {
        await arrive([{ id: 1, n: 1 }])
        await job.sql('INSERT INTO t VALUES (2, 2)', change, 'INSERT INTO t (id) VALUES (3)')
        await sleep(10_000, undefined, { ref: false })
      }, policy).catch((thrown: unknown) => thrown)
      expect(error).to.be.instanceOf(ConfigError)
      expect(error).to.include({ code: 'SCHEMA_CHANGE_REFUSED' })
      expect((error as ConfigError).message).to.include(says)
      expect((await rows()).map(({ id }) => id).slice(0, 1)).to.deep.equal([1])
    })

  it('leaves new columns out under ignore', async () => {
    await job.sql('CREATE TABLE t (id int PRIMARY KEY, n int)', 'INSERT INTO t VALUES (1, 1)')
    await work(async () => {
      await arrive([{ id: 1, n: 1 }])
      await job.sql('ALTER TABLE t ADD m int', 'INSERT INTO t VALUES (2, 2, 2)')
      await arrive([
        { id: 1, n: 1 },
        { id: 2, n: 2 },
      ])
    }, 'ignore')
  })
})
