import { expect } from 'chai'
import { silentLogger } from '#common/logger.ts'
import { KubeClient } from '#operator/kube/client.ts'
import { EventRecorder } from '#operator/kube/events.ts'
import type { EventObject, Happening } from '#operator/kube/events.ts'
import { FakeApiServer } from '../fake-api-server.ts'
import { ManualClock } from '../manual-clock.ts'

const job = {
  apiVersion: 'sluice.dev/v1alpha1',
  kind: 'SyncJob',
  metadata: { name: 'shop', namespace: 'ns', uid: 'u1' },
}
const failed: Happening = { type: 'Warning', reason: 'SECRET_MISSING', action: 'Reconcile', note: 'no key' }

describe('EventRecorder', () => {
  let server: FakeApiServer
  let client: KubeClient
  let clock: ManualClock
  let recorder: EventRecorder

  beforeEach(async () => {
    server = await FakeApiServer.start()
    client = new KubeClient(server.endpoint)
    clock = new ManualClock()
    recorder = new EventRecorder({
      client,
      controller: 'sluice.dev/operator',
      instance: 'one',
      clock,
      logger: silentLogger,
    })
  })

  afterEach(async () => {
    client.close()
    await server.stop()
  })

  const events = (): EventObject[] => server.store.list('/apis/events.k8s.io/v1/events') as EventObject[]

  it('counts repetitions in one event, written at most once a minute', async () => {
    for (let second = 0; second < 150; second++) {
      recorder.record(job, failed)
      await clock.advance(1000)
    }
    await recorder.flush()
    expect(events()).to.have.length(1)
    expect(events()[0]).to.deep.include({ reason: 'SECRET_MISSING', type: 'Warning', note: 'no key' })
    expect(events()[0]?.regarding).to.deep.include({ kind: 'SyncJob', name: 'shop', uid: 'u1' })
    expect(events()[0]?.series?.count).to.equal(121)
    expect(server.writes).to.have.length(3)
  })

  it('begins a new event after a silence, and for another text', async () => {
    recorder.record(job, failed)
    recorder.record(job, { ...failed, note: 'another key' })
    await clock.advance(7 * 60_000)
    recorder.record(job, failed)
    await recorder.flush()
    expect(events()).to.have.length(3)
  })

  it('does not fail when events cannot be written', async () => {
    server.faults = () => ({ kind: 'status', status: 403 })
    recorder.record(job, failed)
    await recorder.flush()
    expect(events()).to.have.length(0)
  })
})
