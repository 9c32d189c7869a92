import { expect } from 'chai'
import { run } from '#cli/kube/status.ts'
import { ConfigError } from '#common/errors.ts'
import { condition, KubeTestBed, runningPod, statusPath } from './cluster.ts'

const streaming = {
  conditions: [
    condition('Ready', 'True', 'Streaming', 'Every change of 2 tables is taken over as it happens.'),
  ],
  replicas: 1,
  readyReplicas: 1,
  rows: 120_000,
  lag: '3s',
  lastCommitTime: '2026-01-01T00:16:30Z',
}
const failing = { conditions: [condition('Ready', 'False', 'SOURCE_AUTH_FAILED', 'password was refused')] }

async function codeOf(promise: Promise<unknown>): Promise<string> {
  return promise.then(
    () => 'no error',
    (error: unknown) => (error instanceof ConfigError ? `${error.code}: ${error.message}` : String(error)),
  )
}

describe('kubectl sluice status', () => {
  let bed: KubeTestBed

  beforeEach(async () => {
    bed = await KubeTestBed.start()
  })

  afterEach(() => bed.close())

  it('lists the jobs of a namespace, and is 0 when all are ready', async () => {
    bed.putJob(streaming)
    bed.putPod('shop-to-lake-worker-66d4b-x7k2p')
    expect(await run([], bed.open)).to.equal(0)
    const [head, row, ...more] = bed.spoken.out.trimEnd().split('\n')
    expect(head?.split(/\s{2,}/)).to.deep.equal([
      'NAME',
      'READY',
      'REASON',
      'LAG',
      'REPLICAS',
      'ROWS/S',
      'AGE',
    ])
    expect(row?.split(/\s{2,}/)).to.deep.equal([
      'shop-to-lake',
      'True',
      'Streaming',
      '3s',
      '1/1',
      '–',
      '16m40s',
    ])
    expect(more).to.deep.equal([])
  })

  it('is 1 when one is not ready', async () => {
    bed.putJob(streaming)
    bed.putJob(failing, {}, 'orders-to-lake')
    expect(await run([], bed.open)).to.equal(1)
    expect(bed.spoken.out).to.match(/orders-to-lake +False +SOURCE_AUTH_FAILED +– +0\/0/)
  })

  it('gives rows per second since the worker started, as of the last write of the status', async () => {
    bed.putJob(streaming)
    bed.putPod('shop-to-lake-worker-66d4b-x7k2p')
    const { store } = bed.server
    const job = store.list('/apis/sluice.dev/v1alpha1/syncjobs')[0]!
    const managedFields = [
      { manager: 'sluice-status', subresource: 'status', time: '2026-01-01T00:02:00Z' },
      { manager: 'kubectl', time: '2026-01-01T00:09:00Z' },
    ]
    store.update('/apis/sluice.dev/v1alpha1/syncjobs', {
      ...job,
      metadata: { ...job.metadata, managedFields },
    })
    await run(['-o', 'json'], bed.open)
    const { jobs } = JSON.parse(bed.spoken.out) as { jobs: { rowsPerSecond: number }[] }
    expect(jobs[0]?.rowsPerSecond).to.equal(1000)
  })

  it('gives all that it shows to programs', async () => {
    bed.putJob(streaming)
    await run(['-o', 'json'], bed.open)
    const { jobs } = JSON.parse(bed.spoken.out) as { jobs: unknown[] }
    expect(jobs).to.deep.equal([
      {
        namespace: 'shop',
        name: 'shop-to-lake',
        ready: 'True',
        reason: 'Streaming',
        message: 'Every change of 2 tables is taken over as it happens.',
        lagMs: 3000,
        replicas: 1,
        readyReplicas: 1,
        rows: 120_000,
        rowsPerSecond: null,
        ageMs: 1_000_000,
        suspended: false,
      },
    ])
  })

  it('says where it looked when there are no jobs', async () => {
    expect(await run(['-n', 'empty'], bed.open)).to.equal(0)
    expect(bed.spoken).to.deep.equal({ out: '', err: 'There are no SyncJobs in namespace "empty".\n' })
  })

  it('lists all namespaces with -A', async () => {
    bed.putJob(streaming)
    await run(['-A', '-n', 'empty'], bed.open)
    expect(bed.spoken.out).to.match(/^NAMESPACE +NAME.*\nshop +shop-to-lake/)
  })

  it('shows one job with its tables, which its worker tells through the API server', async () => {
    bed.putJob(streaming)
    const pod = 'shop-to-lake-worker-66d4b-x7k2p'
    bed.putPod(pod)
    const table = {
      name: 'public.orders',
      rowsTotal: 100_000,
      lagMs: 3200,
      lastCommit: 'x',
      lastCommitAt: '2026-01-01T00:16:30Z',
      state: 'streaming',
    }
    bed.answer(statusPath(pod), {
      job: { namespace: 'shop', name: 'shop-to-lake' },
      phase: 'streaming',
      tables: [table],
      lagMs: 3200,
      rowsTotal: 100_000,
      error: null,
      updatedAt: '2026-01-01T00:16:40Z',
    })
    expect(await run(['shop-to-lake'], bed.open)).to.equal(0)
    const { out } = bed.spoken
    expect(out).to.match(/From +shop-db \(postgres\)\nTo +lake \(hudi\)/)
    expect(out).to.match(/Ready +True +Streaming +6m40s ago/)
    expect(out).to.match(/public\.orders +streaming +100,000 +3\.2s +2026-01-01T00:16:30Z/)
    expect(out).to.match(new RegExp(`${pod} +streaming +yes +0 +16m40s +node-1`))
  })

  it('shows one job though its worker cannot be asked, and says so', async () => {
    bed.putJob(streaming)
    bed.putPod('shop-to-lake-worker-66d4b-x7k2p')
    bed.answer(statusPath('shop-to-lake-worker-66d4b-x7k2p'), { message: 'no pods/proxy for you' }, 403)
    expect(await run(['shop-to-lake'], bed.open)).to.equal(0)
    expect(bed.spoken.out).to.contain(
      'shop-to-lake-worker-66d4b-x7k2p (through pods/proxy): you may not read that',
    )
  })

  it('says of a worker that does not run why', async () => {
    bed.putJob(failing)
    const waiting = { reason: 'ImagePullBackOff', message: 'Back-off pulling image "sluice:1"' }
    bed.putPod('shop-to-lake-worker-66d4b-x7k2p', {
      phase: 'Pending',
      containerStatuses: [{ restartCount: 0, state: { waiting } }],
    })
    expect(await run(['shop-to-lake'], bed.open)).to.equal(1)
    expect(bed.spoken.out).to.contain('ImagePullBackOff: Back-off pulling image "sluice:1"')
  })

  const names = [
    { asked: 'shop-to-laek', hint: 'did you mean "shop-to-lake"?' },
    { asked: 'billing', hint: 'it has shop-to-lake' },
    { asked: 'far', hint: 'there is one in namespace "elsewhere"' },
  ]
  for (const { asked, hint } of names)
    it(`helps who asks for ${asked}`, async () => {
      bed.putJob(streaming)
      bed.put('syncJobs', {
        apiVersion: 'sluice.dev/v1alpha1',
        kind: 'SyncJob',
        metadata: { name: 'far', namespace: 'elsewhere' },
      })
      expect(await codeOf(run([asked], bed.open))).to.equal(
        `JOB_NOT_FOUND: namespace "shop" has no SyncJob "${asked}"; ${hint}`,
      )
    })

  it('takes a name as kubectl prints it', async () => {
    bed.putJob(streaming)
    expect(await run(['syncjob.sluice.dev/shop-to-lake'], bed.open)).to.equal(0)
  })

  for (const argv of [[], ['shop-to-lake']])
    it(`says that the CRDs are missing: status ${argv.join(' ')}`, async () => {
      bed.server.faults = ({ path }) =>
        path.includes('sluice.dev') ? { kind: 'status', status: 404, text: 'page not found' } : undefined
      expect(await codeOf(run(argv, bed.open))).to.match(/^KUBE_CRDS_MISSING/)
    })

  it('passes on what the API server says when it forbids', async () => {
    bed.server.faults = () => ({ kind: 'status', status: 403, text: '{"message":"user ann cannot list"}' })
    expect(await codeOf(run([], bed.open))).to.match(/^KUBE_FORBIDDEN: .*user ann cannot list/)
  })

  it('tells the API server who it is', async () => {
    const agents: (string | undefined)[] = []
    bed.server.others.set('/apis/sluice.dev/v1alpha1/namespaces/shop/syncjobs', response => {
      agents.push(response.req.headers['user-agent'])
      response.end(JSON.stringify({ metadata: {}, items: [] }))
    })
    await run([], bed.open)
    expect(agents).to.deep.equal(['kubectl-sluice/test'])
  })

  it('lists pods only once for all jobs', async () => {
    for (let at = 0; at < 5; at++) bed.putJob(streaming, {}, `job-${at}`)
    bed.putPod('job-1-worker-66d4b-x7k2p', runningPod, 'job-1')
    await run([], bed.open)
    expect(bed.server.requests.length).to.equal(2)
  })
})
