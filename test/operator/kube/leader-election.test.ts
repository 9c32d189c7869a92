import { expect } from 'chai'
import { systemClock } from '#common/clock.ts'
import { FencedError } from '#common/errors.ts'
import { silentLogger } from '#common/logger.ts'
import { KubeClient } from '#operator/kube/client.ts'
import { LeaderElector } from '#operator/kube/leader-election.ts'
import type { Lease } from '#operator/kube/leader-election.ts'
import { FakeApiServer } from '../fake-api-server.ts'
import { eventually } from '../manual-clock.ts'

const collection = '/apis/coordination.k8s.io/v1/leases'

/** A candidate on timing a tenth of the real one, and whether it leads now. */
interface Candidate {
  elector: LeaderElector
  stop: AbortController
  ended: Promise<unknown>
  leads: () => boolean
}

describe('LeaderElector', () => {
  let server: FakeApiServer
  let candidates: Candidate[]
  let clients: KubeClient[]

  beforeEach(async () => {
    server = await FakeApiServer.start()
    candidates = []
    clients = []
  })

  afterEach(async () => {
    for (const { stop } of candidates) stop.abort()
    await Promise.allSettled(candidates.map(({ ended }) => ended))
    for (const client of clients) client.close()
    await server.stop()
  })

  function candidate(identity: string, drainMs = 0): Candidate {
    const client = new KubeClient(server.endpoint)
    const elector = new LeaderElector({
      client,
      namespace: 'ns',
      name: 'operator',
      identity,
      clock: systemClock,
      logger: silentLogger,
      leaseDurationMs: 1000,
      renewDeadlineMs: 600,
      retryPeriodMs: 50,
    })
    const stop = new AbortController()
    let leads = false
    const ended = elector
      .run(async signal => {
        leads = true
        await new Promise(resolve => signal.addEventListener('abort', resolve))
        await systemClock.sleep(drainMs)
        leads = false
      }, stop.signal)
      .catch((error: unknown) => error)
    const made = { elector, stop, ended, leads: () => leads }
    candidates.push(made)
    clients.push(client)
    return made
  }

  const lease = (): Lease | undefined => server.store.find(collection, 'ns', 'operator') as Lease | undefined

  it('lets one lead, and another only after it let go', async () => {
    const first = candidate('one')
    await eventually('one leads', first.leads)
    const second = candidate('two')
    await systemClock.sleep(300)
    expect(second.leads()).to.equal(false)
    expect(lease()?.spec.holderIdentity).to.equal('one')
    first.stop.abort()
    await first.ended
    expect(lease()?.spec.holderIdentity, 'released').to.not.equal('one')
    await eventually('two leads', second.leads)
    expect(second.elector.epoch).to.equal(1)
  })

  it('keeps the lease while the leader drains', async () => {
    const first = candidate('one', 400)
    await eventually('one leads', first.leads)
    const second = candidate('two')
    first.stop.abort()
    await systemClock.sleep(250)
    expect(first.leads()).to.equal(true)
    expect(second.leads()).to.equal(false)
    await eventually('two leads', second.leads)
    expect(first.leads()).to.equal(false)
  })

  it('takes over from a leader that is gone without a word', async () => {
    server.store.create(collection, {
      apiVersion: 'coordination.k8s.io/v1',
      kind: 'Lease',
      metadata: { name: 'operator', namespace: 'ns' },
      // A clock far ahead of ours must not keep us from taking over.
      spec: {
        holderIdentity: 'ghost',
        leaseDurationSeconds: 1,
        renewTime: '2999-01-01T00:00:00.000000Z',
        leaseTransitions: 4,
      },
    } as Lease)
    const next = candidate('one')
    await systemClock.sleep(300)
    expect(next.leads(), 'not before the lease has run out on our own clock').to.equal(false)
    await eventually('it leads', next.leads)
    expect(lease()?.spec.leaseTransitions).to.equal(5)
  })

  it('lets one of many win who find the lease free at the same moment', async () => {
    server.store.create(collection, {
      apiVersion: 'coordination.k8s.io/v1',
      kind: 'Lease',
      metadata: { name: 'operator', namespace: 'ns' },
      spec: { holderIdentity: '', leaseDurationSeconds: 1 },
    } as Lease)
    server.faults = ({ method }) => (method === 'PUT' ? { kind: 'delay', ms: 60 } : undefined)
    const all = ['one', 'two', 'three'].map(name => candidate(name))
    await eventually('one leads', () => all.some(({ leads }) => leads()))
    expect(all.filter(({ leads }) => leads())).to.have.length(1)
    await systemClock.sleep(400)
    expect(all.filter(({ leads }) => leads())).to.have.length(1)
    expect(lease()?.spec.leaseTransitions).to.equal(1)
  })

  it('goes through short outages of the API server as leader', async () => {
    const first = candidate('one')
    await eventually('one leads', first.leads)
    let asked = 0
    server.faults = () => (asked++ % 2 === 0 ? { kind: 'status', status: 429 } : { kind: 'reset' })
    await systemClock.sleep(200)
    server.faults = () => undefined
    await systemClock.sleep(300)
    expect(first.leads()).to.equal(true)
    expect(asked).to.be.greaterThan(2)
  })

  it('stops leading, and says so, when it could not renew in time', async () => {
    const first = candidate('one')
    await eventually('one leads', first.leads)
    server.faults = () => ({ kind: 'status', status: 500 })
    expect(await first.ended).to.be.instanceOf(FencedError)
    expect(first.leads()).to.equal(false)
  })

  it('stops at once when another holds the lease', async () => {
    const first = candidate('one')
    await eventually('one leads', first.leads)
    const held = lease()
    if (held === undefined) throw new Error('no lease')
    server.store.apply(
      collection,
      { ...held, spec: { ...held.spec, holderIdentity: 'usurper' } } as Lease,
      'test',
    )
    expect(await first.ended).to.be.instanceOf(FencedError)
  })

  it('never lets two lead at a time, whatever the server answers', async function () {
    this.timeout(60_000)
    let asked = 0
    server.faults = () => {
      asked++
      if (asked % 7 === 0) return { kind: 'status', status: 500 }
      if (asked % 11 === 0) return { kind: 'delay', ms: 80 }
      return asked % 13 === 0 ? { kind: 'reset' } : undefined
    }
    const all = ['one', 'two', 'three'].map(name => candidate(name))
    for (let round = 0; round < 150; round++) {
      expect(all.filter(({ leads }) => leads()).length).to.be.at.most(1)
      if (round % 50 === 49) all.find(({ leads }) => leads())?.stop.abort()
      await systemClock.sleep(15)
    }
  })
})
