// The CRDs in front of a real API server: it takes them, it fills in the defaults that we fill in, and it refuses
// what `sluice validate` refuses, in words a person understands.
import { expect } from 'chai'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { readManifests } from '#cli/manifests.ts'
import { problemLine } from '#cli/validate.ts'
import { resourceSchema, type Resource } from '#api/resource.ts'
import { resourceKinds } from '#connectors/resource-kinds.ts'
import { invalidSamples } from '#test/api/invalid-samples.ts'
import { startKubernetes, type BedKubernetes } from '#test/bed/kubernetes.ts'
import { requires } from '#test/bed/requires.ts'

const root = fileURLToPath(new URL('../../..', import.meta.url))

describe('CRDs at a real API server', () => {
  requires('kubernetes')
  let cluster: BedKubernetes
  let folder: string

  before(async function () {
    this.timeout(180_000)
    folder = await mkdtemp(join(tmpdir(), 'sluice-crds-'))
    cluster = await startKubernetes({ node: false })
    await cluster.kubectl('apply', '-f', join(root, 'crds'))
    const names = resourceKinds.map(({ plural }) => `crd/${plural}.sluice.dev`)
    await cluster.kubectl('wait', '--for=condition=Established', '--timeout=60s', ...names)
    await cluster.kubectl('create', 'namespace', 'samples')
    await cluster.kubectl('apply', '-n', 'samples', '-f', join(root, 'manifests', 'samples'))
  })

  after(async function () {
    this.timeout(60_000)
    await cluster?.stop()
    await rm(folder, { recursive: true, force: true })
  })

  async function apply(yaml: string, ...options: string[]): Promise<string> {
    const file = join(folder, 'resource.yaml')
    await writeFile(file, yaml)
    return cluster.kubectl('apply', ...options, '-f', file)
  }

  async function refusal(yaml: string, ...options: string[]): Promise<string> {
    try {
      return `taken: ${await apply(yaml, ...options)}`
    } catch (error) {
      return (error as { stderr: string }).stderr
    }
  }

  it('are structural and otherwise without fault', async () => {
    for (const { plural } of resourceKinds) {
      const crd = JSON.parse(await cluster.kubectl('get', 'crd', `${plural}.sluice.dev`, '-o', 'json'))
      const conditions: { type: string; status: string }[] = crd.status.conditions
      expect(conditions.filter(({ type }) => type === 'NonStructuralSchema')).to.deep.equal([])
      expect(conditions.find(({ type }) => type === 'NamesAccepted')?.status).to.equal('True')
    }
  })

  it('have their short names and their category', async () => {
    for (const name of ['sj', 'dsrc', 'vt', 'sluice'])
      expect(await cluster.kubectl('get', name, '-n', 'samples')).to.include('NAME')
    const all = await cluster.kubectl('get', 'sluice', '-n', 'samples', '-o', 'name')
    expect(all.trim().split('\n').toSorted()).to.deep.equal([
      'datasource.sluice.dev/events',
      'datasource.sluice.dev/lake',
      'datasource.sluice.dev/shop-db',
      'syncjob.sluice.dev/clicks-to-lake',
      'syncjob.sluice.dev/shop-to-lake',
      'virtualtable.sluice.dev/events.app.clicks',
      'virtualtable.sluice.dev/events.app.profiles',
    ])
  })

  it('show what people look for first', async () => {
    const head = async (kind: string) =>
      (await cluster.kubectl('get', kind, '-n', 'samples')).split('\n')[0]!.split(/\s+/)
    expect(await head('syncjobs')).to.include.members(['NAME', 'READY', 'LAG', 'REPLICAS', 'REASON', 'AGE'])
    expect(await head('datasources')).to.include.members(['NAME', 'TYPE', 'READY', 'REASON', 'AGE'])
  })

  it('fill in the defaults that the parser fills in', async () => {
    for (const kind of resourceKinds) {
      const list = JSON.parse(await cluster.kubectl('get', kind.plural, '-n', 'samples', '-o', 'json')) as {
        items: Resource[]
      }
      for (const item of list.items) {
        const written = JSON.parse(
          item.metadata.annotations!['kubectl.kubernetes.io/last-applied-configuration']!,
        ) as Resource
        expect(item.spec).to.deep.equal(kind.spec.parse(written.spec))
        expect(resourceSchema(kind).parse(item).spec).to.deep.equal(item.spec)
      }
    }
  })

  for (const { name, yaml, server, validate } of invalidSamples)
    it(`refuse ${name}, as sluice validate does`, async () => {
      expect(await refusal(yaml, '--dry-run=server')).to.include(server)
      const { problems } = readManifests([{ name: 'sample.yaml', text: yaml }])
      expect(problems.map(problemLine).join('\n')).to.include(validate)
    })

  describe('refuse a change of', () => {
    const header = (kind: string) =>
      `apiVersion: sluice.dev/v1alpha1\nkind: ${kind}\nmetadata: {name: fixed}\nspec: `
    const job = (source: string, target: string, tables: string) =>
      `${header('SyncJob')}{source: {name: ${source}}, target: {name: ${target}}, tables: [${tables}]}`
    const table = (source: string, key: string) => `${header('VirtualTable')}{source: ${source}, key: ${key}}`
    const events = '{name: events, object: clicks}'
    const postgres = 'type: postgres, postgres: {host: db, database: shop, user: {value: sluice}}'

    const changes: { name: string; from: string; to: string; server: string }[] = [
      {
        name: 'the type of a DataSource',
        from: `${header('DataSource')}{${postgres}}`,
        to: `${header('DataSource')}{type: hudi, postgres: null, hudi: {url: "s3://lake"}}`,
        server: 'type cannot change; make a new resource',
      },
      {
        name: 'the source of a SyncJob',
        from: job('a', 'b', '{include: x}'),
        to: job('c', 'b', '{include: x}'),
        server: 'source cannot change; make a new resource',
      },
      {
        name: 'the target of a SyncJob',
        from: job('a', 'b', '{include: x}'),
        to: job('a', 'c', '{include: x}'),
        server: 'target cannot change; make a new resource',
      },
      {
        name: 'the key of a table',
        from: job('a', 'b', '{include: w}, {include: x, key: [id]}'),
        to: job('a', 'b', '{include: x, key: [nr]}'),
        server: 'the key of a table cannot change; sync it to a new table of the target',
      },
      {
        name: 'a table that had no key',
        from: job('a', 'b', '{include: x}'),
        to: job('a', 'b', '{include: x, key: [id]}'),
        server: 'the key of a table cannot change; sync it to a new table of the target',
      },
      {
        name: 'the source of a VirtualTable',
        from: table(events, '[id]'),
        to: table('{name: events, object: views}', '[id]'),
        server: 'source cannot change; make a new resource',
      },
      {
        name: 'the key of a VirtualTable',
        from: table(events, '[id]'),
        to: table(events, '[nr]'),
        server: 'key cannot change; make a new resource',
      },
    ]
    for (const { name, from, to, server } of changes)
      it(name, async () => {
        await apply(from)
        expect(await refusal(to)).to.include(server)
        await cluster.kubectl('delete', '-f', join(folder, 'resource.yaml'))
      })

    it('nothing else: tables come and go, freshness changes', async () => {
      await apply(job('a', 'b', '{include: x, key: [id]}'))
      const changed = job('a', 'b', '{include: z}, {include: x, key: [id]}').replace(
        /}$/,
        ', freshness: 30s}',
      )
      expect(await apply(changed)).to.include('configured')
      await cluster.kubectl('delete', 'syncjob', 'fixed')
    })
  })

  it('let the operator write a status that the columns show', async () => {
    const status = {
      observedGeneration: 1,
      conditions: [
        {
          type: 'Ready',
          status: 'False',
          observedGeneration: 1,
          lastTransitionTime: '2026-01-31T12:00:00Z',
          reason: 'SOURCE_UNREACHABLE',
          message: 'The server does not answer',
        },
      ],
      replicas: 2,
      readyReplicas: 1,
      selector: 'app=x',
      tables: 3,
      rows: 5_000_000_000,
      lag: '1m30s',
      lastCommitTime: '2026-01-31T12:00:00.123Z',
    }
    await cluster.kubectl(
      'patch',
      'syncjob',
      'shop-to-lake',
      '-n',
      'samples',
      '--subresource=status',
      '--type=merge',
      '-p',
      JSON.stringify({ status }),
    )
    const columns = await cluster.kubectl(
      'get',
      'sj',
      'shop-to-lake',
      '-n',
      'samples',
      '--no-headers',
      '-o',
      'wide',
    )
    expect(columns.split(/\s+/).slice(0, 8)).to.deep.equal([
      'shop-to-lake',
      'False',
      '1m30s',
      '2',
      'SOURCE_UNREACHABLE',
      '3',
      '5000000000',
      'core',
    ])
  })

  it('let others scale a job once the operator does not decide, and say so before', async () => {
    const job = ['syncjob/shop-to-lake', '-n', 'samples']
    const scale = () => cluster.kubectl('scale', ...job, '--replicas=3')
    const refused = await scale().catch((error: { stderr: string }) => error.stderr)
    expect(refused).to.include('set autoscaling.mode to Manual or DryRun')
    const manual = { spec: { autoscaling: { mode: 'Manual' }, replicas: 1 } }
    await cluster.kubectl('patch', ...job, '--type=merge', '-p', JSON.stringify(manual))
    expect(await scale()).to.include('scaled')
    const path = '/apis/sluice.dev/v1alpha1/namespaces/samples/syncjobs/shop-to-lake/scale'
    const answer = JSON.parse(await cluster.kubectl('get', '--raw', path)) as { spec: { replicas: number } }
    expect(answer.spec.replicas).to.equal(3)
  })
})
