import { expect } from 'chai'
import { FencedError } from '#common/errors.ts'
import { silentLogger } from '#common/logger.ts'
import type { Call } from '#operator/kube/client.ts'
import { KubeClient } from '#operator/kube/client.ts'
import { LeaderElector } from '#operator/kube/leader-election.ts'
import type { Lease } from '#operator/kube/leader-election.ts'
import { FakeApiServer } from '../fake-api-server.ts'
import type { Fault } from '../fake-api-server.ts'
import { eventually, ManualClock, settle } from '../manual-clock.ts'

const collection = '/apis/coordination.k8s.io/v1/leases'

/** A candidate with the timing of an operator, and whether it leads now. */
interface Candidate {
  elector: LeaderElector
  stop: AbortController
  ended: Promise<unknown>
  hasEnded: () => boolean
  leads: () => boolean
}

/** Knows when no answer is awaited, so that time passes only then. */
class WatchedClient extends KubeClient {
  underWay = 0

  override async request<T>(call: Call): Promise<T> {
    this.underWay++
    try {
      return await super.request<T>(call)
    } finally {
      this.underWay--
    }
  }
}

describe('LeaderElector', () => {
  let server: FakeApiServer
  let clock: ManualClock
  let candidates: Candidate[]
  let clients: WatchedClient[]

  beforeEach(async () => {
    server = await FakeApiServer.start()
    clock = new ManualClock()
    candidates = []
    clients = []
  })

  afterEach(async () => {
    for (const { stop } of candidates) stop.abort()
    await until('all have ended', () => candidates.every(({ hasEnded }) => hasEnded()))
    for (const client of clients) client.close()
    await server.stop()
  })

  function candidate(identity: string, drainMs = 0): Candidate {
    const client = new WatchedClient(server.endpoint)
    const elector = new LeaderElector({
      client,
      namespace: 'ns',
      name: 'operator',
      identity,
      clock,
      logger: silentLogger,
    })
    const stop = new AbortController()
    let leads = false
    let hasEnded = false
    const ended = elector
      .run(async signal => {
        leads = true
        await new Promise(resolve => signal.addEventListener('abort', resolve))
        await clock.sleep(drainMs)
        leads = false
      }, stop.signal)
      .catch((error: unknown) => error)
      .finally(() => {
        hasEnded = true
      })
    const made = { elector, stop, ended, hasEnded: () => hasEnded, leads: () => leads }
    candidates.push(made)
    clients.push(client)
    return made
  }

  const isAnswered = (): boolean => clients.every(({ underWay }) => underWay === 0)

  /** All that was asked is answered, and what follows from the answers is done. */
  async function answered(): Promise<void> {
    do {
      await eventually('an answer', isAnswered)
      await settle()
    } while (!isAnswered())
  }

  /** Lets time pass on every candidate's clock, but none while one awaits an answer. */
  const pass = (ms: number): Promise<void> => clock.advance(ms, answered)

  /** Lets a minute pass at most. */
  async function until(what: string, condition: () => boolean): Promise<void> {
    await answered()
    for (let seconds = 0; seconds < 60 && !condition(); seconds++) await pass(1000)
    if (!condition()) throw new Error(`never happened: ${what}`)
  }

  const lease = (): Lease | undefined => server.store.find(collection, 'ns', 'operator') as Lease | undefined

  it('lets one lead, and another only after it let go', async () => {
    const first = candidate('one')
    await until('one leads', first.leads)
    const second = candidate('two')
    await pass(30_000)
    expect(second.leads()).to.equal(false)
    expect(lease()?.spec.holderIdentity).to.equal('one')
    first.stop.abort()
    await until('it ends', first.hasEnded)
    expect(lease()?.spec.holderIdentity, 'released').to.not.equal('one')
    await until('two leads', second.leads)
    expect(second.elector.epoch).to.equal(1)
  })

  it('takes a lease that is given up within little more than a second', async () => {
    const first = candidate('one')
    await until('one leads', first.leads)
    const second = candidate('two')
    await pass(7_000)
    first.stop.abort()
    await pass(1_200)
    expect(second.leads()).to.equal(true)
  })

  it('gives its lease up although the server refuses that at first', async () => {
    const first = candidate('one')
    await until('one leads', first.leads)
    const faults: Fault[] = [
      { kind: 'status', status: 429 },
      { kind: 'status', status: 500 },
      { kind: 'reset' },
    ]
    server.faults = () => faults.shift()
    first.stop.abort()
    await until('it ends', first.hasEnded)
    expect(faults).to.deep.equal([])
    expect(lease()?.spec.holderIdentity).to.equal('')
  })

  it('ends in time when its lease cannot be given up', async () => {
    const first = candidate('one')
    await until('one leads', first.leads)
    server.faults = () => ({ kind: 'status', status: 500 })
    first.stop.abort()
    await pass(5_000)
    expect(first.hasEnded()).to.equal(true)
    expect(await first.ended, 'no error').to.equal(undefined)
  })

  it('takes a lease at the moment it runs out', async () => {
    server.store.create(collection, {
      apiVersion: 'coordination.k8s.io/v1',
      kind: 'Lease',
      metadata: { name: 'operator', namespace: 'ns' },
      spec: { holderIdentity: 'ghost', leaseDurationSeconds: 15 },
    } as Lease)
    clock.random = () => 0.9
    const next = candidate('one')
    await pass(15_000)
    expect(next.leads()).to.equal(false)
    await pass(10)
    expect(next.leads()).to.equal(true)
  })

  it('keeps the lease while the leader drains', async () => {
    const first = candidate('one', 20_000)
    await until('one leads', first.leads)
    const second = candidate('two')
    first.stop.abort()
    await pass(18_000)
    expect(first.leads()).to.equal(true)
    expect(second.leads()).to.equal(false)
    await until('two leads', second.leads)
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
        leaseDurationSeconds: 15,
        renewTime: '2999-01-01T00:00:00.000000Z',
        leaseTransitions: 4,
      },
    } as Lease)
    const next = candidate('one')
    await pass(14_000)
    expect(next.leads(), 'not before the lease has run out on our own clock').to.equal(false)
    await until('it leads', next.leads)
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
    await until('one leads', () => all.some(({ leads }) => leads()))
    expect(all.filter(({ leads }) => leads())).to.have.length(1)
    await pass(30_000)
    expect(all.filter(({ leads }) => leads())).to.have.length(1)
    expect(lease()?.spec.leaseTransitions).to.equal(1)
  })

  it('goes through short outages of the API server as leader', async () => {
    const first = candidate('one')
    await until('one leads', first.leads)
    let asked = 0
    server.faults = () => (asked++ % 2 === 0 ? { kind: 'status', status: 429 } : { kind: 'reset' })
    await pass(9_000)
    server.faults = () => undefined
    await pass(10_000)
    expect(first.leads()).to.equal(true)
    expect(asked).to.be.greaterThan(2)
  })

  it('stops leading, and says so, when it could not renew in time', async () => {
    const first = candidate('one')
    await until('one leads', first.leads)
    server.faults = () => ({ kind: 'status', status: 500 })
    await until('it ends', first.hasEnded)
    expect(await first.ended).to.be.instanceOf(FencedError)
    expect(first.leads()).to.equal(false)
  })

  it('stops at once when another holds the lease', async () => {
    const first = candidate('one')
    await until('one leads', first.leads)
    const held = lease()
    if (held === undefined) throw new Error('no lease')
    server.store.apply(
      collection,
      { ...held, spec: { ...held.spec, holderIdentity: 'usurper' } } as Lease,
      'test',
    )
    await until('it ends', first.hasEnded)
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
      await pass(300)
    }
  })
})
