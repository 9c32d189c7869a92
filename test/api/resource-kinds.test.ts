import { expect } from 'chai'
import { z } from 'zod'
import { dataSourceKind } from '#api/data-source.ts'
import { openApiSchema, type OpenApiSchema } from '#api/openapi.ts'
import { check, pathText } from '#api/problem.ts'
import { apiVersion, resourceSchema, type ResourceKind } from '#api/resource.ts'
import { syncJobKind } from '#api/sync-job.ts'
import { virtualTableKind } from '#api/virtual-table.ts'

const dataSource = dataSourceKind(
  {
    postgres: z.strictObject({
      host: z.string().describe('Host.'),
      port: z.int().default(5432).describe('Port.'),
    }),
    hudi: z.strictObject({ url: z.string().describe('Folder.') }),
  },
  ['postgres'],
)
const syncJob = syncJobKind({
  hudi: z.strictObject({ buckets: z.int().optional().describe('File groups.') }),
})
const kinds: readonly ResourceKind[] = [dataSource, syncJob, virtualTableKind]

const minimalJob = { source: { name: 'shop' }, target: { name: 'lake' }, tables: [{ include: 'public.*' }] }

function problems(kind: ResourceKind, spec: unknown): string[] {
  const checked = check(kind.spec, spec)
  return checked.ok ? [] : checked.problems.map(({ path, message }) => `${pathText(path)}: ${message}`)
}

describe('resource kinds', () => {
  it('DataSource has the sub-object that its type names', () => {
    expect(problems(dataSource, { type: 'postgres', postgres: { host: 'db' } })).to.deep.equal([])
    const expected = [': give the sub-object that `type` names, and no other']
    expect(problems(dataSource, { type: 'postgres' })).to.deep.equal(expected)
    expect(problems(dataSource, { type: 'hudi', postgres: { host: 'db' } })).to.deep.equal(expected)
    expect(
      problems(dataSource, { type: 'hudi', hudi: { url: 'file:///x' }, postgres: { host: 'db' } }),
    ).to.deep.equal(expected)
  })

  it('DataSource refuses a time zone that there is not', () => {
    const windows = [{ from: '22:00', to: '06:00', timeZone: 'Europe/Berlinn', recordsPerSecond: 9 }]
    const protection = { limits: { recordsPerSecond: 5, windows } }
    expect(problems(dataSource, { type: 'postgres', postgres: { host: 'db' }, protection })).to.deep.equal([
      'protection.limits.windows[0].timeZone: use the name of a time zone such as UTC or Europe/Berlin',
    ])
  })

  it('SyncJob fills in what is left out', () => {
    expect(syncJob.spec.parse(minimalJob)).to.deep.equal({
      ...minimalJob,
      tables: [{ include: 'public.*', exclude: [] }],
      mode: 'snapshotAndStream',
      start: 'earliest',
      freshness: '5s',
      priority: 'normal',
      autoscaling: {
        mode: 'Auto',
        minReplicas: 1,
        maxReplicas: 1,
        maxLag: '60s',
        idleAfter: '5m',
        probeInterval: '2m',
      },
      schemaEvolution: 'evolve',
      badRecords: { policy: 'fail' },
      worker: { lanes: 2, bufferSize: '96Mi' },
      suspend: false,
      deletionPolicy: 'Retain',
    })
  })

  const refused: { name: string; change: object; expected: string }[] = [
    { name: 'no tables', change: { tables: [] }, expected: 'tables: found a list; allowed: 1 to 1000 items' },
    {
      name: 'one include twice',
      change: { tables: [{ include: 'a' }, { include: 'a' }] },
      expected: 'tables: two items have the same include',
    },
    {
      name: 'more workers at least than at most',
      change: { autoscaling: { minReplicas: 2 } },
      expected: 'autoscaling: minReplicas cannot be more than maxReplicas',
    },
    {
      name: 'replicas that the operator decides about',
      change: { replicas: 3 },
      expected:
        ': set autoscaling.mode to Manual or DryRun to say how many replicas there are: with Auto the operator decides',
    },
    {
      name: 'no freshness at all',
      change: { freshness: '0s' },
      expected: 'freshness: must be at least 100ms',
    },
    {
      name: 'a buffer too small to work with',
      change: { worker: { bufferSize: '1Ki' } },
      expected: 'worker.bufferSize: must be at least 8Mi',
    },
    {
      name: 'a start that is no time',
      change: { start: 'yesterday' },
      expected: 'start: found "yesterday"; use earliest, latest or a time such as 2026-01-31T12:00:00Z',
    },
    {
      name: 'a name that Kubernetes would refuse',
      change: { source: { name: 'Shop_DB' } },
      expected:
        'source.name: found "Shop_DB"; use lower-case letters, digits, `-` and `.`, beginning and ending with a letter or digit',
    },
    {
      name: 'a policy that is not there yet',
      change: { badRecords: { policy: 'quarantine' } },
      expected: 'badRecords.policy: found "quarantine"; allowed: fail, skip',
    },
  ]
  for (const { name, change, expected } of refused)
    it(`SyncJob refuses ${name}`, () => {
      expect(problems(syncJob, { ...minimalJob, ...change })).to.deep.equal([expected])
    })

  it('VirtualTable names types that there are, also within others', () => {
    const source = { name: 'events', object: 'clicks' }
    const found = (type: string): string[] =>
      problems(virtualTableKind, { source, columns: [{ name: 'c', type }] })
    for (const type of ['int64', 'list<struct<a: int32, b: map<string, date>>>', 'decimal(38,38)'])
      expect(found(type), type).to.deep.equal([])
    for (const type of ['struct<a:int>', 'map<int32,string>', 'list<>', 'decimal(39,0)', 'struct<a:int32'])
      expect(found(type), type).to.have.lengthOf(1)
  })

  it('VirtualTable has every key column among its columns', () => {
    const source = { name: 'events', object: 'app.clicks' }
    const columns = [{ name: 'id', type: 'int64' }]
    expect(problems(virtualTableKind, { source, columns, key: ['id'] })).to.deep.equal([])
    expect(problems(virtualTableKind, { source, key: ['id'] })).to.deep.equal([])
    expect(problems(virtualTableKind, { source, columns, key: ['idd'] })).to.deep.equal([
      ': every column of `key` must be one of `columns`',
    ])
  })

  it('a status that is not understood is as if there were none', () => {
    const parsed = resourceSchema(syncJob).parse({
      apiVersion,
      kind: 'SyncJob',
      metadata: { name: 'a' },
      spec: minimalJob,
      status: { invented: true },
    })
    expect(parsed.status).to.equal(undefined)
    expect(parsed.metadata.namespace).to.equal('default')
  })
})

describe('openApiSchema', () => {
  for (const kind of kinds)
    for (const part of ['spec', 'status'] as const)
      it(`is structural for the ${part} of ${kind.kind}`, () => {
        const schema = openApiSchema(kind[part])
        const found = [...subSchemas(schema, part)].flatMap(([path, each]) =>
          violations(each).map(v => `${path}: ${v}`),
        )
        expect(found).to.deep.equal([])
      })

  it('spells out the defaults of an object', () => {
    const schema = openApiSchema(syncJob.spec)
    expect(schema.properties!['autoscaling']!.default).to.deep.equal({
      mode: 'Auto',
      minReplicas: 1,
      maxReplicas: 1,
      maxLag: '60s',
      idleAfter: '5m',
      probeInterval: '2m',
    })
  })
})

function* subSchemas(schema: OpenApiSchema, path: string): Generator<[string, OpenApiSchema]> {
  yield [path, schema]
  for (const [name, field] of Object.entries(schema.properties ?? {}))
    yield* subSchemas(field, `${path}.${name}`)
  if (schema.items) yield* subSchemas(schema.items, `${path}[]`)
  if (schema.additionalProperties) yield* subSchemas(schema.additionalProperties, `${path}{}`)
}

/** What the API server would refuse of a structural schema. */
function violations(schema: OpenApiSchema): string[] {
  const found = ['oneOf', 'const', '$ref', 'definitions', 'nullable', 'propertyNames'].filter(
    word => word in schema,
  )
  if (schema['x-kubernetes-int-or-string'] !== true) {
    if ('anyOf' in schema) found.push('anyOf')
    if (schema.type === undefined) found.push('no type')
  }
  // kubectl and the API server read YAML 1.1, where these are booleans too, and nobody thinks of quotes.
  for (const value of schema.enum ?? [])
    if (/^(y|yes|n|no|on|off)$/i.test(String(value))) found.push(`enum ${String(value)}`)
  if ('properties' in schema && 'additionalProperties' in schema)
    found.push('properties and additionalProperties')
  if (schema.pattern !== undefined && /\(\?[=!<]/.test(schema.pattern))
    found.push('look-around, which RE2 has not')
  return found
}
