import { expect } from 'chai'
import type { Call, KubeClient } from '#operator/kube/client.ts'
import { TokenReviewer, masterAudience } from '#operator/heartbeat/token-review.ts'
import { ManualClock } from '#test/operator/manual-clock.ts'

const user = {
  username: 'system:serviceaccount:shop:orders-worker',
  extra: {
    'authentication.kubernetes.io/pod-name': ['orders-worker-1'],
    'authentication.kubernetes.io/pod-uid': ['u-1'],
  },
}
const address = '10.1.2.3'
const genuine = { authenticated: true, audiences: [masterAudience], user }

function reviewer(status: object): { tokens: TokenReviewer; clock: ManualClock; calls: Call[] } {
  const calls: Call[] = []
  const clock = new ManualClock()
  const client = {
    request: (call: Call) => {
      calls.push(call)
      return Promise.resolve({ status })
    },
  } as unknown as KubeClient
  return { tokens: new TokenReviewer(client, clock), clock, calls }
}

describe('TokenReviewer', () => {
  it('learns from the API server whose pod a token is of, for our audience', async () => {
    const { tokens, calls } = reviewer(genuine)
    expect(await tokens.identify('t', address)).to.deep.equal({
      namespace: 'shop',
      serviceAccount: 'orders-worker',
      pod: 'orders-worker-1',
      podUid: 'u-1',
    })
    expect(calls[0]?.body).to.deep.include({ spec: { token: 't', audiences: [masterAudience] } })
  })

  const refused: { name: string; status: object }[] = [
    { name: 'that is not genuine', status: { authenticated: false, error: 'invalid' } },
    { name: 'for another audience', status: { ...genuine, audiences: ['https://kubernetes.default.svc'] } },
    { name: 'without an audience', status: { authenticated: true, user } },
    { name: 'of a person', status: { ...genuine, user: { ...user, username: 'ada' } } },
    { name: 'of no pod', status: { ...genuine, user: { username: user.username, extra: {} } } },
  ]
  for (const { name, status } of refused)
    it(`knows no pod by a token ${name}`, async () => {
      expect(await reviewer(status).tokens.identify('t', address)).to.equal(null)
    })

  it('asks again for the same token after half a minute, and at once for another', async () => {
    const { tokens, clock, calls } = reviewer(genuine)
    await tokens.identify('t', address)
    await tokens.identify('t', address)
    expect(calls).to.have.length(1)
    await tokens.identify('other', address)
    expect(calls).to.have.length(2)
    await clock.advance(30_000)
    await tokens.identify('t', address)
    expect(calls).to.have.length(3)
  })

  it('asks no more for an address that gave many tokens of nobody, at once or one by one, until a minute is over', async () => {
    const { tokens, clock, calls } = reviewer({ authenticated: false })
    const token = (at: number): string => `made-up-${at}`
    await Promise.all(Array.from({ length: 150 }, (_, at) => tokens.identify(token(at), address)))
    expect(await tokens.identify('one-more', address)).to.equal(null)
    expect(calls).to.have.length(100)
    await tokens.identify('of-another', '10.1.2.4')
    expect(calls).to.have.length(101)
    await clock.advance(60_000)
    await tokens.identify('later', address)
    expect(calls).to.have.length(102)
  })

  it('asks for as many good tokens as come from one address, and after failures of the API server', async () => {
    const { tokens, calls } = reviewer(genuine)
    for (let at = 0; at < 150; at++) await tokens.identify(`good-${at}`, address)
    expect(calls).to.have.length(150)
    let isDown = true
    const client = {
      request: () => (isDown ? Promise.reject(new Error('down')) : Promise.resolve({ status: genuine })),
    } as unknown as KubeClient
    const failing = new TokenReviewer(client, new ManualClock())
    for (let at = 0; at < 150; at++) await failing.identify('t', address).catch(() => undefined)
    isDown = false
    expect(await failing.identify('t', address)).to.have.property('pod', 'orders-worker-1')
  })
})
