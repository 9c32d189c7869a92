// What a platform team does, from the first command to the last: install the chart on a cluster with a real node,
// apply two DataSources and a SyncJob, look at them, break things, delete the job.
import { expect } from 'chai'
import { setTimeout as delay } from 'node:timers/promises'
import type { SyncJobStatus } from '#api/sync-job.ts'
import { hashRows } from '#test/bed/canonical.ts'
import { requires } from '#test/bed/requires.ts'
import { BankCluster } from './bank-cluster.ts'
import { aboutOneWorker, prometheusOfChart, untilPanelsHaveData } from './chart-monitoring.ts'
import { QuietJob } from './quiet-job.ts'
import { modestResources } from './sluice-cluster.ts'

describe('A SyncJob on a cluster', function () {
  this.timeout(300_000)
  requires('postgres', 'minio', 'hudi-rs', 'namespace', 'prometheus', 'monitoring-crds')
  const bed = new BankCluster('bank')
  const quiet = ['memos', 'notes'].map(name => new QuietJob(bed, name))

  before(() => bed.start())
  after(() => bed.stop())

  it('is installed by the chart, with an operator that leads and one that stands by', async () => {
    await bed.install()
    const pods = await bed.kubectl('get', 'pods', '-n', 'sluice-system', '--no-headers')
    expect(pods.match(/1\/1 +Running/g)).to.have.length(2)
  })

  it('is refused with a readable message when it is wrong', async () => {
    await bed.createNamespace()
    const refusal = async (yaml: string): Promise<string> =>
      bed.apply(yaml).then(
        () => 'taken',
        (error: { stderr?: string }) => String(error.stderr),
      )
    expect(await refusal(bed.syncJob('  freshnes: 3s'))).to.contain('unknown field "spec.freshnes"')
    expect(await refusal(bed.syncJob('  mode: sometimes'))).to.contain('supported values')
    const twoSubObjects = bed.dataSources().replace('  type: postgres', '  type: hudi')
    expect(await refusal(twoSubObjects)).to.contain('give the sub-object that type names')
  })

  it('says which Secret is missing, and goes on by itself when it is there', async () => {
    // More than there is, so that nobody waits: workers get their part of it from the operator that leads.
    const limits = '{limits: {recordsPerSecond: 1000000}}'
    await bed.apply(`${bed.dataSources(limits)}---${bed.syncJob()}`)
    await bed.untilReady('False SECRET_MISSING')
    expect(await bed.condition('Ready')).to.match(/Secret (bank|lake) has no key/)
    await bed.apply(bed.secrets())
    await bed.untilReady('True Streaming', 180_000)
    // Of a schema that bank-to-lake does not read; they fall asleep while that one is busy.
    await bed.client.query('create schema quiet')
    for (const { name } of quiet)
      await bed.client.query(
        `create table quiet.${name} (id int primary key, note text); insert into quiet.${name} values (1, 'one')`,
      )
    await bed.apply(quiet.map(job => job.yaml('bank', `quiet.${job.name}`)).join('---'))
  })

  it('keeps the tables in step while the database is busy and the worker is killed', async () => {
    const busy = new AbortController()
    const traffic = bed.keepBusy(busy.signal)
    for (let kill = 0; kill < 3; kill++) {
      await delay(4000)
      await bed.killWorker()
      await bed.until('another worker', async () => (await bed.workerRestarts()) > kill)
    }
    await bed.untilReady('True Streaming')
    busy.abort()
    expect(await traffic, 'transactions').to.be.greaterThan(500)
    await bed.untilInStep()
    await bed.expectSameRows()
  })

  it('shows how it does', async () => {
    await bed.until(
      'few lag',
      async () => (await bed.get<{ status: SyncJobStatus }>('syncjob', 'bank-to-lake')).status.lag === '0s',
    )
    const [head, row] = (await bed.kubectl('get', 'syncjobs', '-n', 'bank')).trim().split('\n')
    expect(head?.split(/ {2,}/)).to.deep.equal(['NAME', 'READY', 'LAG', 'REPLICAS', 'REASON', 'AGE'])
    expect(row?.split(/ {2,}/).slice(0, 5)).to.deep.equal(['bank-to-lake', 'True', '0s', '1', 'Streaming'])
    const { status } = await bed.get<{ status: SyncJobStatus }>('syncjob', 'bank-to-lake')
    expect(status.tables).to.equal(2)
    expect(await bed.kubectl('describe', 'syncjob', 'bank-to-lake', '-n', 'bank')).to.contain(
      'SECRET_MISSING',
    )
  })

  it('is watched through the objects of the chart: each panel has data, each alert can be evaluated', async () => {
    const prometheus = await prometheusOfChart(bed.cluster)
    const busy = new AbortController()
    const traffic = bed.keepBusy(busy.signal, 3_000_000)
    try {
      await untilPanelsHaveData(prometheus, { job: 'bank/bank-to-lake', source: 'bank/bank' }, aboutOneWorker)
      const rules = await prometheus.rules()
      expect(rules.length).to.be.above(10)
      expect(rules.filter(({ health, state }) => health !== 'ok' || state === 'firing')).to.deep.equal([])
    } finally {
      busy.abort()
      await traffic
      await prometheus.stop()
    }
  })

  it('has no worker for jobs that are idle, whatever is written to tables of others, and one when it is to their own', async () => {
    const [memos, notes] = quiet as [QuietJob, QuietJob]
    await Promise.all(quiet.map(job => job.untilAsleep()))
    expect(await bed.keepBusy(AbortSignal.timeout(500), 4_000_000), 'transactions').to.be.greaterThan(10)
    await notes.untilLookedAt(memos)
    expect(await Promise.all(quiet.map(job => job.isAsleep()))).to.deep.equal([true, true])
    await bed.client.query(`insert into quiet.notes values (2, 'two')`)
    expect(await notes.untilAwake()).to.match(
      /^Scaled from 0 to 1 worker\. .* At least 1 change waits in the log\.$/,
    )
    const rows = [
      { id: 1, note: 'one' },
      { id: 2, note: 'two' },
    ]
    await bed.untilRows(notes.name, ['id', 'note'], hashRows(rows))
    expect(await memos.isAsleep()).to.equal(true)
    await Promise.all(quiet.map(job => job.delete()))
  })

  it('takes over a changed spec without losing a row', async () => {
    await bed.apply(bed.syncJob('', { lanes: 1 }))
    const busy = new AbortController()
    const traffic = bed.keepBusy(busy.signal, 5_000_000)
    await bed.untilCondition('RolledOut', 'True')
    await bed.untilReady('True Streaming')
    await bed.until('one plan', async () => {
      const { items } = await bed.get<{ items: unknown[] }>('configmaps', '-l', 'sluice.dev/job=bank-to-lake')
      return items.length === 1
    })
    busy.abort()
    await traffic
    await bed.untilInStep()
    await bed.expectSameRows()
  })

  it('keeps its workers when the next spec is wrong, and says why', async () => {
    const [before] = await bed.workerPods()
    await bed.apply(
      bed.syncJob('', { lanes: 1, tables: '[{include: public.accounts}, {include: public.postigns}]' }),
    )
    await bed.untilCondition('RolledOut', 'False TABLE_NOT_FOUND')
    expect(await bed.condition('RolledOut')).to.contain('no table public.postigns')
    expect(await bed.condition('Ready')).to.contain('True Streaming')
    await bed.keepBusy(AbortSignal.timeout(1000), 6_000_000)
    await bed.untilInStep()
    await bed.expectSameRows()
    await bed.apply(bed.syncJob('', { lanes: 1 }))
    await bed.untilCondition('RolledOut', 'True')
    expect((await bed.workerPods()).map(({ metadata }) => metadata.name)).to.deep.equal([
      before?.metadata.name,
    ])
  })

  it('goes on with another password when the Secret has it, without a restart', async () => {
    const [before] = await bed.workerPods()
    const busy = new AbortController()
    const traffic = bed.keepBusy(busy.signal, 7_000_000)
    await bed.changePassword('second')
    await bed.untilReady('False SOURCE_AUTH_FAILED')
    await bed.apply(bed.secrets('second'))
    await bed.untilReady('True Streaming', 180_000)
    busy.abort()
    await traffic
    await bed.untilInStep()
    await bed.expectSameRows()
    const [after] = await bed.workerPods()
    expect(after?.metadata.name).to.equal(before?.metadata.name)
    expect(after?.status.containerStatuses?.[0]?.restartCount).to.equal(
      before?.status.containerStatuses?.[0]?.restartCount,
    )
  })

  it('ends a copy when everything is copied, and keeps no worker for it', async () => {
    await bed.apply(`
apiVersion: sluice.dev/v1alpha1
kind: SyncJob
metadata: {name: copy}
spec:
  source: {name: bank}
  target: {name: lake}
  tables: [{include: public.accounts, target: {table: copied}}]
  mode: snapshot
  worker: {resources: ${modestResources}}
`)
    const look = async (): Promise<SyncJobStatus | undefined> =>
      (await bed.get<{ status?: SyncJobStatus }>('syncjob', 'copy')).status
    await bed.until('it is complete', async () => {
      const complete = (await look())?.conditions?.find(({ type }) => type === 'Complete')
      return complete?.status === 'True'
    })
    await bed.until('no worker', async () => (await look())?.replicas === 0)
    await bed.expectSameRows({ accounts: 'copied' })
    await bed.kubectl('delete', 'syncjob', 'copy', '-n', 'bank', '--timeout=120s')
  })

  it('survives the death of the operator that leads', async () => {
    const force = ['--grace-period=0', '--force']
    await bed.kubectl('delete', 'pod', '-n', 'sluice-system', await bed.leader(), ...force)
    await bed.apply(bed.syncJob('  suspend: true'))
    await bed.untilReady('False Suspended')
    await bed.apply(bed.syncJob('  suspend: false'))
    await bed.untilReady('True Streaming')
  })

  it('leaves the tables and nothing else when it is deleted', async () => {
    expect(await bed.madeAtSource()).to.deep.equal([1, 1])
    await bed.kubectl('delete', 'syncjob', 'bank-to-lake', '-n', 'bank', '--timeout=120s')
    await bed.until(
      'no worker',
      async () => (await bed.get<{ items: unknown[] }>('deployments')).items.length === 0,
    )
    expect(await bed.madeAtSource(), 'slots and publications').to.deep.equal([0, 0])
    await bed.expectSameRows()
    const events = await bed.kubectl('get', 'events', '-n', 'bank')
    expect(events).to.contain('TornDown')
  })
})
