import { expect } from 'chai'
import { run as pause } from '#cli/kube/pause.ts'
import { run as resume } from '#cli/kube/resume.ts'
import type { KubeObject } from '#operator/kube/object.ts'
import type { Json } from '#test/operator/fake-api-store.ts'
import { settle } from '#test/operator/manual-clock.ts'
import { collections } from '#test/operator/sync-job/fixtures.ts'
import { condition, KubeTestBed } from './cluster.ts'

type Job = KubeObject & { spec: Json }

describe('kubectl sluice pause and resume', () => {
  let bed: KubeTestBed

  beforeEach(async () => {
    bed = await KubeTestBed.start()
  })

  afterEach(() => bed.close())

  const job = (): Job => bed.server.store.get(collections.syncJobs, 'shop', 'shop-to-lake') as Job

  function report(status: Json): void {
    const { uid, generation } = job().metadata
    const stated = { ...job(), metadata: { name: 'shop-to-lake', namespace: 'shop', uid } }
    bed.server.store.apply(
      collections.syncJobs,
      { ...stated, status: { observedGeneration: generation, ...status } } as KubeObject,
      'sluice-status',
      'status',
    )
  }

  /** Lets a wait look again until it has ended, or 60 s have passed. */
  async function waitFor(verb: Promise<number>, meanwhile: () => void): Promise<number> {
    let code: number | undefined
    void verb.then(ended => (code = ended))
    for (let seconds = 0; code === undefined && seconds < 60; seconds++) {
      if (seconds === 3) meanwhile()
      for (let turn = 0; turn < 20; turn++) await settle()
      await new Promise(resolve => setTimeout(resolve, 2))
      await bed.clock.advance(1000)
    }
    if (code === undefined) throw new Error('it waits still')
    return code
  }

  it('takes spec.suspend for itself and gives it back', async () => {
    bed.putJob()
    expect(await pause(['shop-to-lake'], bed.open)).to.equal(0)
    expect(job().spec['suspend']).to.equal(true)
    expect(job().spec['source']).to.deep.equal({ name: 'shop-db' })
    expect(await resume(['shop-to-lake'], bed.open)).to.equal(0)
    expect('suspend' in job().spec).to.equal(false)
    expect(bed.spoken.out).to.equal('syncjob/shop-to-lake paused\nsyncjob/shop-to-lake resumed\n')
    for (const { method, query } of bed.server.writes) {
      expect(method).to.equal('PATCH')
      expect(query.get('fieldManager')).to.equal('kubectl-sluice')
    }
  })

  it('overrules a pause that is not its own', async () => {
    bed.putJob({}, { suspend: true })
    await resume(['shop-to-lake'], bed.open)
    expect(job().spec['suspend']).to.equal(false)
  })

  it('writes nothing when it is so already', async () => {
    bed.putJob({}, { suspend: true })
    expect(await pause(['shop-to-lake'], bed.open)).to.equal(0)
    await bed.open({})
    expect(bed.server.writes).to.deep.equal([])
    expect(bed.spoken.out).to.equal('syncjob/shop-to-lake was paused already\n')
  })

  it('says who may set it back', async () => {
    bed.putJob({}, { suspend: false })
    const managedFields = [
      { manager: 'argocd', operation: 'Apply', fieldsV1: { 'f:spec': { 'f:suspend': {} } } },
      { manager: 'sluice-status', operation: 'Apply', fieldsV1: { 'f:status': {} } },
    ]
    bed.server.store.update(collections.syncJobs, {
      ...job(),
      metadata: { ...job().metadata, managedFields },
    })
    await pause(['shop-to-lake'], bed.open)
    expect(bed.spoken.err).to.contain('"argocd" states spec.suspend: false')
  })

  it('waits for the last worker to end', async () => {
    bed.putJob()
    bed.putPod('shop-to-lake-worker-66d4b-x7k2p')
    const code = await waitFor(pause(['shop-to-lake', '--wait'], bed.open), () => {
      report({ conditions: [condition('Ready', 'False', 'Suspended', 'No workers run')] })
      bed.server.store.delete(collections.pods, 'shop', 'shop-to-lake-worker-66d4b-x7k2p')
    })
    expect(code).to.equal(0)
    expect(bed.spoken.out).to.contain('has no worker any more')
  })

  it('does not take what the operator said of the spec before for an answer', async () => {
    bed.putJob({ conditions: [condition('Ready', 'True', 'Streaming', 'fine')] }, { suspend: true })
    report({ conditions: [condition('Ready', 'True', 'Streaming', 'of before')] })
    let looked = false
    const code = await waitFor(resume(['shop-to-lake', '--wait'], bed.open), () => {
      looked = true
      report({ conditions: [condition('Ready', 'True', 'Snapshotting', 'fine')] })
    })
    expect(code).to.equal(0)
    expect(looked).to.equal(true)
    expect(bed.spoken.out).to.contain('is ready: Snapshotting')
  })

  it('gives up after the timeout, with what is missing', async () => {
    bed.putJob({}, { suspend: true })
    const code = await waitFor(resume(['shop-to-lake', '--wait', '--timeout', '10s'], bed.open), () =>
      report({ conditions: [condition('Ready', 'False', 'Unschedulable', '0/3 nodes')] }),
    )
    expect(code).to.equal(1)
    expect(bed.spoken.err).to.equal('Not within 10 s: Unschedulable: 0/3 nodes\n')
  })
})
