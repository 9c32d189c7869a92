import { expect } from 'chai'
import { execFile } from 'node:child_process'
import { mkdtemp, readdir, readFile, rm, stat } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { parseAllDocuments } from 'yaml'
import { run } from '#cli/kube/report.ts'
import type { KubeObject } from '#operator/kube/object.ts'
import { labelsOf } from '#operator/sync-job/names.ts'
import { collections, shopDb } from '#test/operator/sync-job/fixtures.ts'
import { condition, KubeTestBed, podPath, runningPod } from './cluster.ts'

/** Planted wherever people put secrets; none may be in a report. */
const planted = (place: string): string => `planted-${place}-9Xq7`
const worker = 'shop-to-lake-worker-66d4b-x7k2p'
const operator = 'sluice-operator-7b6c5-lq8rt'

describe('kubectl sluice report', () => {
  let bed: KubeTestBed
  let folder: string

  beforeEach(async () => {
    bed = await KubeTestBed.start()
    folder = await mkdtemp(join(tmpdir(), 'sluice-report-'))
    plant()
  })

  afterEach(async () => {
    await bed.close()
    await rm(folder, { recursive: true })
  })

  function plant(): void {
    const { store } = bed.server
    const message = `connect postgres://sluice:${planted('condition')}@db:5432/shop: refused`
    bed.putJob({ conditions: [condition('Ready', 'False', 'SOURCE_AUTH_FAILED', message)] })
    bed.putDeployment()
    store.delete(collections.dataSources, 'shop', 'shop-db')
    const annotation = JSON.stringify({ spec: { postgres: { password: { value: planted('annotation') } } } })
    const source = shopDb({ password: { value: planted('datasource') } })
    bed.put('dataSources', {
      ...source,
      metadata: {
        ...source.metadata,
        annotations: { 'kubectl.kubernetes.io/last-applied-configuration': annotation },
        managedFields: [{ manager: 'kubectl' }],
      },
    })
    bed.put('configMaps', {
      apiVersion: 'v1',
      kind: 'ConfigMap',
      metadata: {
        name: 'shop-to-lake-plan-0123456789',
        namespace: 'shop',
        labels: labelsOf('shop-to-lake', 'plan'),
      },
      data: {
        'plan.json': JSON.stringify({
          source: { spec: { password: { value: planted('plan') }, port: 5432 } },
        }),
      },
    } as KubeObject)
    bed.put('pods', {
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { name: worker, namespace: 'shop', labels: labelsOf('shop-to-lake', 'worker') },
      spec: {
        containers: [
          {
            name: 'worker',
            image: 'sluice:1',
            args: ['worker', '--api-token', planted('argument')],
            env: [{ name: 'DB_PASSWORD', value: planted('environment') }],
          },
        ],
        volumes: [{ name: 's', secret: { secretName: 'shop-db' } }],
      },
      status: { ...runningPod, containerStatuses: [{ restartCount: 1, state: { running: {} } }] },
    } as KubeObject)
    bed.putEvent(
      { kind: 'Pod', name: worker },
      {
        reason: 'Failed',
        message: `password=${planted('event')} refused, ${planted('environment')} as well`,
      },
    )
    bed.putEvent({ kind: 'Pod', name: 'unrelated' }, { reason: 'Other', message: 'of somebody else' })
    store.create('/api/v1/secrets', {
      apiVersion: 'v1',
      kind: 'Secret',
      metadata: { name: 'shop-db', namespace: 'shop', labels: labelsOf('shop-to-lake', 'worker') },
      data: { password: planted('secret') },
    } as KubeObject)
    bed.server.others.set(`${podPath(worker)}/log`, (response, query) => {
      const json = {
        level: 'error',
        msg: 'refused',
        url: `https://u:${planted('log-url')}@db`,
        token: planted('log'),
      }
      const which = query.get('previous') === 'true' ? 'of before' : 'of now'
      response.end(
        `{"level":"info","msg":"${which}, ${planted('datasource')} is refused"}\n${JSON.stringify(json)}\nPGPASSWORD=${planted('log-text')}\n`,
      )
    })
    bed.put('pods', {
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: {
        name: operator,
        namespace: 'sluice-system',
        labels: { 'app.kubernetes.io/name': 'sluice', 'app.kubernetes.io/component': 'operator' },
      },
      spec: { containers: [{ name: 'operator', image: 'sluice:1' }] },
      status: runningPod,
    } as KubeObject)
    bed.answer(
      `/api/v1/namespaces/sluice-system/pods/${operator}/log`,
      `Bearer ${planted('operator')}\nleading\n`,
    )
    for (const name of ['sluice-operator', 'of-somebody-else'])
      store.create('/apis/coordination.k8s.io/v1/leases', {
        apiVersion: 'coordination.k8s.io/v1',
        kind: 'Lease',
        metadata: { name, namespace: 'sluice-system' },
        spec: { holderIdentity: operator },
      } as KubeObject)
    bed.answer('/version', { gitVersion: 'v1.34.4' })
  }

  /** Every file of a folder, by path. */
  async function filesOf(path: string): Promise<Map<string, string>> {
    const names = await readdir(path, { recursive: true, withFileTypes: true })
    const files = names.filter(entry => entry.isFile()).map(entry => join(entry.parentPath, entry.name))
    return new Map(
      await Promise.all(
        files.map(async file => [file.slice(path.length + 1), await readFile(file, 'utf8')] as const),
      ),
    )
  }

  it('holds all that a bug report needs, in an archive that tar unpacks', async () => {
    const archive = join(folder, 'bug.tar.gz')
    expect(await run(['-o', archive], bed.open)).to.equal(0)
    await promisify(execFile)('tar', ['-xzf', archive, '-C', folder])
    const files = await filesOf(join(folder, 'bug'))
    expect([...files.keys()].toSorted()).to.deep.equal([
      'README.txt',
      'configmaps.yaml',
      'datasources.yaml',
      'deployments.yaml',
      'events.yaml',
      'explain/shop-to-lake.txt',
      `logs/${worker}.log`,
      `logs/${worker}.previous.log`,
      'operator/leases.yaml',
      `operator/logs/${operator}.log`,
      'operator/pods.yaml',
      'pods.yaml',
      'syncjobs.yaml',
    ])
    expect((await stat(archive)).mode & 0o077, 'rights of others').to.equal(0)
    const [source] = parseAllDocuments(files.get('datasources.yaml') ?? '')
      .map(document => document.toJS() as KubeObject & { spec: object })
      .filter(({ metadata }) => metadata.name === 'shop-db')
    expect(source?.kind).to.equal('DataSource')
    expect(source?.metadata.managedFields).to.equal(undefined)
    expect(source?.spec).to.deep.equal({
      type: 'postgres',
      postgres: {
        host: 'shop-db.shop.svc',
        database: 'shop',
        user: { secretKeyRef: { name: 'shop-db', key: 'user' } },
        password: { value: 'REDACTED' },
      },
    })
    expect(files.get('pods.yaml')).to.contain('secretName: shop-db')
    expect(files.get('README.txt'))
      .to.match(/Kubernetes +v1\.34\.4/)
      .and.contain('kubectl sluice  0.')
    expect(files.get(`logs/${worker}.previous.log`)).to.contain('of before')
    expect(files.get('operator/leases.yaml')).to.contain('sluice-operator').and.not.contain('somebody')
    expect(files.get('explain/shop-to-lake.txt')).to.contain('SOURCE_AUTH_FAILED')
  })

  it('holds no secret, wherever one was planted, and asks for none', async () => {
    await run(['-o', join(folder, 'bug')], bed.open)
    for (const [path, text] of await filesOf(join(folder, 'bug')))
      expect(text, path).not.to.contain('planted-')
    expect(bed.spoken.out + bed.spoken.err).not.to.contain('planted-')
    expect(bed.server.requests.filter(({ path }) => path.includes('secrets'))).to.deep.equal([])
  })

  it('is about one job only when one is named', async () => {
    bed.putJob({}, {}, 'orders-to-lake')
    bed.putPod('orders-to-lake-worker-66d4b-x7k2p', runningPod, 'orders-to-lake')
    await run(['shop-to-lake', '-o', join(folder, 'bug')], bed.open)
    const files = await filesOf(join(folder, 'bug'))
    for (const path of ['syncjobs.yaml', 'pods.yaml', 'events.yaml'])
      expect(files.get(path), path).to.contain('shop-to-lake').and.not.contain('orders-to-lake')
    expect(files.get('events.yaml')).not.to.contain('of somebody else')
  })

  it('is made though parts may not be read, and says which', async () => {
    bed.server.faults = ({ path }) =>
      path.includes('sluice-system') || path.includes('/events')
        ? { kind: 'status', status: 403, text: '{"message":"no"}' }
        : undefined
    expect(await run(['-o', join(folder, 'bug')], bed.open)).to.equal(0)
    expect(bed.spoken.err).to.contain('Not in it: pods of namespace sluice-system: you may not read that')
    const readme = (await filesOf(join(folder, 'bug'))).get('README.txt')
    expect(readme).to.match(/Could not be read:\n[^]*events of namespace shop/)
  })

  it('replaces nothing that is there', async () => {
    const path = join(folder, 'bug.tar.gz')
    await run(['-o', path], bed.open)
    const before = await readFile(path)
    expect(await run(['-o', path], bed.open).catch(String)).to.contain('is there already')
    expect(await readFile(path)).to.deep.equal(before)
  })
})
