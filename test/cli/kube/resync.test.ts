import { expect } from 'chai'
import { run as pause } from '#cli/kube/pause.ts'
import { run as resync } from '#cli/kube/resync.ts'
import type { SyncJobStatus } from '#api/sync-job.ts'
import type { KubeObject } from '#operator/kube/object.ts'
import type { Json } from '#test/operator/fake-api-store.ts'
import { settle } from '#test/operator/manual-clock.ts'
import { collections } from '#test/operator/sync-job/fixtures.ts'
import { condition, KubeTestBed } from './cluster.ts'

type Job = KubeObject & { spec: Json }

describe('kubectl sluice resync', () => {
  let bed: KubeTestBed

  beforeEach(async () => {
    bed = await KubeTestBed.start()
  })

  afterEach(() => bed.close())

  const job = (): Job => bed.server.store.get(collections.syncJobs, 'shop', 'shop-to-lake') as Job

  function report(status: Partial<SyncJobStatus>): void {
    const { uid } = job().metadata
    const stated = { ...job(), metadata: { name: 'shop-to-lake', namespace: 'shop', uid } }
    bed.server.store.apply(
      collections.syncJobs,
      { ...stated, status } as KubeObject,
      'sluice-status',
      'status',
    )
  }

  async function ended(verb: Promise<number>, meanwhile: (second: number) => void): Promise<number> {
    let code: number | undefined
    void verb.then(given => (code = given))
    for (let second = 0; code === undefined && second < 60; second++) {
      meanwhile(second)
      for (let turn = 0; turn < 20; turn++) await settle()
      await new Promise(resolve => setTimeout(resolve, 2))
      await bed.clock.advance(1000)
    }
    if (code === undefined) throw new Error('it waits still')
    return code
  }

  it('asks for all tables, or for those that are named, each time by another id', async () => {
    bed.putJob()
    expect(await resync(['shop-to-lake'], bed.open)).to.equal(0)
    const first = job().spec['resync'] as { id: string }
    expect(Object.keys(first)).to.deep.equal(['id'])
    expect(first.id).to.match(/^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}$/)
    await bed.clock.advance(1000)
    await resync(['shop-to-lake', '--table', 'public.orders', '--table', 'public.items'], bed.open)
    const second = job().spec['resync'] as { id: string; tables: string[] }
    expect(second.tables).to.deep.equal(['public.orders', 'public.items'])
    expect(second.id).to.not.equal(first.id)
    expect(bed.spoken.out).to.contain(`reads public.orders, public.items anew (resync ${second.id})`)
  })

  it('leaves a pause as it is, and says that the job is paused', async () => {
    bed.putJob()
    await pause(['shop-to-lake'], bed.open)
    await resync(['shop-to-lake', '--id', 'after the restore'], bed.open)
    expect(job().spec).to.deep.include({ suspend: true, resync: { id: 'after the restore' } })
    expect(bed.spoken.err).to.contain('paused')
  })

  it('waits until all tables were read', async () => {
    bed.putJob()
    report({ resync: { id: 'one', phase: 'Done' } })
    const waiting = resync(['shop-to-lake', '--id', 'two', '--wait'], bed.open)
    const code = await ended(waiting, second => {
      if (second === 5) report({ resync: { id: 'two', phase: 'Reading', tables: 3, tablesDone: 1 } })
      if (second === 9) report({ resync: { id: 'two', phase: 'Done', tables: 3, tablesDone: 3 } })
    })
    expect(code).to.equal(0)
    expect(bed.spoken.out).to.contain('has read them all')
  })

  it('gives up after the timeout, with how far it is, or with why it does not begin', async () => {
    bed.putJob()
    report({ resync: { id: 'two', phase: 'Reading', tables: 3, tablesDone: 1 } })
    const argv = ['shop-to-lake', '--id', 'two', '--wait', '--timeout', '10s']
    expect(await ended(resync(argv, bed.open), () => undefined)).to.equal(1)
    report({
      conditions: [condition('RolledOut', 'False', 'RESYNC_UNSUPPORTED', 'clicks cannot be read again')],
    } as Partial<SyncJobStatus>)
    await ended(resync(['shop-to-lake', '--id', 'three', ...argv.slice(3)], bed.open), () => undefined)
    expect(bed.spoken.err).to.equal(
      'Not within 10 s: 1 of 3 tables are done\n' +
        'Not within 10 s: RESYNC_UNSUPPORTED: clicks cannot be read again\n',
    )
  })
})
