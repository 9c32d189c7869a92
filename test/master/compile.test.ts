import { expect } from 'chai'
import { planSchema } from '#api/plan.ts'
import { parse } from '#api/problem.ts'
import { apiVersion, resourceSchema, type ResourceKind } from '#api/resource.ts'
import { ConfigError } from '#common/errors.ts'
import { hudiTableOptions } from '#connectors/hudi/spec.ts'
import { dataSource, syncJob, virtualTable } from '#connectors/resource-kinds.ts'
import { compile, requireProbe } from '#master/compile.ts'
import { checkVirtualTable } from '#master/references.ts'

const make =
  <Spec, Status>(kind: ResourceKind<Spec, Status>) =>
  (name: string, spec: object, namespace = 'shop') =>
    parse(
      resourceSchema(kind),
      { apiVersion, kind: kind.kind, metadata: { name, namespace }, spec },
      `${kind.kind} ${name}`,
    )

const source = make(dataSource)
const job = make(syncJob)
const table = make(virtualTable)

const user = { secretKeyRef: { name: 'shop-db', key: 'user' } }
const postgres = { host: 'db', database: 'shop', user }
const shopDb = source('shop-db', {
  type: 'postgres',
  postgres,
  discovery: { include: ['public.*'], exclude: ['public.tmp_*'] },
})
const events = source('events', { type: 'kafka', kafka: { brokers: ['kafka:9092'] } })
const lake = source('lake', { type: 'hudi', hudi: { url: 's3://lake/ods' } })
const minimal = {
  source: { name: 'shop-db' },
  target: { name: 'lake' },
  tables: [{ include: 'public.*' }],
}

const around = { dataSources: [shopDb, events, lake], virtualTables: [] }

describe('compile', () => {
  it('makes a plan with defaults filled in and secrets still as references', () => {
    const plan = compile(job('to-lake', minimal), around)
    expect(planSchema.parse(plan)).to.deep.equal(plan)
    expect(plan).to.deep.include({
      version: 1,
      job: { namespace: 'shop', name: 'to-lake' },
      discovery: { include: ['public.*'], exclude: ['public.tmp_*'] },
      tables: [
        {
          include: 'public.*',
          exclude: [],
          targetTable: null,
          key: null,
          options: hudiTableOptions.parse({}),
        },
      ],
      mode: 'snapshotAndStream',
      start: 'earliest',
      freshnessMs: 5_000,
      schemaEvolution: 'evolve',
      badRecords: { policy: 'fail' },
      priority: 'normal',
      worker: { lanes: 2, bufferBytesMax: 96 * 2 ** 20 },
    })
    expect(plan.source).to.deep.include({ name: 'shop-db', type: 'postgres' })
    expect(plan.source.spec).to.deep.include({ port: 5432, user })
    expect(plan.target.spec).to.deep.include({ url: 's3://lake/ods' })
  })

  it('takes the limits of the source as numbers, and none of the target', () => {
    const window = { from: '22:00', to: '06:00', days: ['Sat', 'Sun'], bytesPerSecond: '1Gi' }
    const limits = { bytesPerSecond: '10Mi', queriesInFlight: 4, windows: [window] }
    const limited = (name: string, type: string, spec: object, more = {}) =>
      source(name, { type, [type]: spec, protection: { limits: { ...limits, ...more } } })
    const dataSources = [
      limited('shop-db', 'postgres', postgres, { connections: 20 }),
      limited('lake', 'hudi', { url: 's3://lake/ods' }),
    ]
    const plan = compile(job('to-lake', minimal), { dataSources, virtualTables: [] })
    expect(planSchema.parse(plan)).to.deep.equal(plan)
    expect(plan.source.limits).to.deep.equal({
      recordsPerSecond: null,
      bytesPerSecond: 10 * 1024 ** 2,
      queriesInFlight: 4,
      connections: 20,
      windows: [
        {
          ...window,
          timeZone: 'UTC',
          recordsPerSecond: null,
          bytesPerSecond: 1024 ** 3,
          queriesInFlight: null,
        },
      ],
    })
    const { queriesInFlight: _, connections: _c, ...former } = plan.source.limits!
    const before = planSchema.parse({ ...plan, source: { ...plan.source, limits: former } })
    const { queriesInFlight, connections } = before.source.limits!
    expect([queriesInFlight, connections], 'a plan of a former version').to.deep.equal([null, null])
    expect(plan.target).not.to.have.property('limits')
    expect(compile(job('to-lake', minimal), around).source, 'without any').not.to.have.property('limits')
  })

  it('carries which tables are to be read anew: all, unless they are named', () => {
    const asked = (resync: object) => compile(job('to-lake', { ...minimal, resync }), around).resync
    expect(asked({ id: 'one' })).to.deep.equal({ id: 'one', tables: ['*'] })
    expect(asked({ id: 'two', tables: ['public.a'] })).to.deep.equal({ id: 'two', tables: ['public.a'] })
  })

  it('survives a ConfigMap', () => {
    const plan = compile(job('to-lake', minimal), around)
    expect(planSchema.parse(JSON.parse(JSON.stringify(plan)))).to.deep.equal(plan)
  })

  it('carries what the job says of a table', () => {
    const tables = [
      {
        include: 'public.orders',
        exclude: ['x'],
        key: ['order_no'],
        target: { table: 'bestellungen', hudi: { buckets: 16 } },
      },
    ]
    expect(compile(job('to-lake', { ...minimal, tables }), around).tables).to.deep.equal([
      {
        include: 'public.orders',
        exclude: ['x'],
        targetTable: 'bestellungen',
        key: ['order_no'],
        options: hudiTableOptions.parse({ buckets: 16 }),
      },
    ])
  })

  it('takes the VirtualTables of the source, and of no other', () => {
    const clicks = table('clicks', { source: { name: 'events', object: 'app.clicks' } })
    const others = [
      table('orders', { source: { name: 'shop-db', object: 'public.orders' } }),
      table('clicks', { source: { name: 'events', object: 'app.clicks' } }, 'elsewhere'),
    ]
    const clicksJob = job('clicks', { ...minimal, source: { name: 'events' } })
    const plan = compile(clicksJob, { ...around, virtualTables: [clicks, ...others] })
    expect(plan.virtualTables).to.deep.equal([clicks.spec])
  })

  const refused: { name: string; change: object; path: string; message: string }[] = [
    {
      name: 'a source that is not there',
      change: { source: { name: 'shop-bd' } },
      path: 'spec.source.name',
      message: 'there is no DataSource "shop-bd" in namespace shop; did you mean shop-db?',
    },
    {
      name: 'a target that is not there',
      change: { target: { name: 'warehouse' } },
      path: 'spec.target.name',
      message: 'there is no DataSource "warehouse" in namespace shop; there are: shop-db, events, lake',
    },
    {
      name: 'a target that cannot be one',
      change: { target: { name: 'events' } },
      path: 'spec.target.name',
      message: 'DataSource events is of type kafka, which cannot be a target; types that can: hudi',
    },
    {
      name: 'a job onto itself',
      change: { target: { name: 'shop-db' } },
      path: 'spec.target.name',
      message: 'source and target are the same DataSource',
    },
  ]
  for (const { name, change, path, message } of refused)
    it(`refuses ${name}`, () => {
      expect(() => compile(job('to-lake', { ...minimal, ...change }), around))
        .to.throw(ConfigError, message)
        .that.deep.includes({ code: 'SPEC_INVALID', context: { path } })
    })

  it('refuses options of a connector that is not the target', () => {
    const tables = [{ include: 'a', target: { table: 'b', hudi: { buckets: 4 } } }]
    expect(() =>
      compile(job('to-lake', { ...minimal, target: { name: 'events' }, tables }), around),
    ).to.throw(
      ConfigError,
      'spec.tables[0].target.hudi: the target is of type kafka: options of hudi do not apply',
    )
  })

  it('refuses to run without workers where nobody could tell when to wake the job', () => {
    const idle = job('idle', { ...minimal, autoscaling: { minReplicas: 0 } })
    expect(compile(idle, around).source.type).to.equal('postgres')
    const mute = { postgres: {} }
    expect(() => requireProbe(idle, shopDb, mute))
      .to.throw(
        ConfigError,
        /^SyncJob idle: spec\.autoscaling\.minReplicas: a source of type postgres cannot tell/,
      )
      .with.property('code', 'PROBE_UNSUPPORTED')
    requireProbe(job('awake', minimal), shopDb, mute)
  })

  it('does not see the DataSources of other namespaces', () => {
    expect(() => compile(make(syncJob)('to-lake', minimal, 'elsewhere'), around)).to.throw(
      ConfigError,
      'there is no DataSource "shop-db" in namespace elsewhere; there are none',
    )
  })

  it('refuses two VirtualTables for one object', () => {
    const virtualTables = ['a', 'b'].map(name =>
      table(name, { source: { name: 'events', object: 'clicks' } }),
    )
    const message = 'VirtualTable b describes clicks too; an object has one VirtualTable'
    expect(() =>
      compile(job('clicks', { ...minimal, source: { name: 'events' } }), { ...around, virtualTables }),
    ).to.throw(ConfigError, message)
  })

  it('misses the DataSource of a VirtualTable', () => {
    const lost = table('lost', { source: { name: 'event', object: 'clicks' } })
    expect(checkVirtualTable(lost, around).map(({ message }) => message)).to.deep.equal([
      'there is no DataSource "event" in namespace shop; did you mean events?',
    ])
  })
})
