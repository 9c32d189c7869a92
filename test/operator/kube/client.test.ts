import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { expect } from 'chai'
import { ConfigError, ConflictError, TransientError } from '#common/errors.ts'
import { askedDelayMs, statusOf } from '#operator/kube/api-error.ts'
import { KubeClient } from '#operator/kube/client.ts'
import { FakeApiServer } from '../fake-api-server.ts'

const rejection = async (promise: Promise<unknown>): Promise<unknown> =>
  promise.then(
    () => null,
    (error: unknown) => error,
  )

describe('KubeClient', () => {
  let server: FakeApiServer
  let client: KubeClient

  beforeEach(async () => {
    server = await FakeApiServer.start()
    client = new KubeClient(server.endpoint)
  })

  afterEach(async () => {
    client.close()
    await server.stop()
  })

  const cases = [
    { status: 409, type: ConflictError },
    { status: 403, type: ConfigError },
    { status: 422, type: ConfigError },
    { status: 429, type: TransientError },
    { status: 503, type: TransientError },
    { status: 410, type: TransientError },
  ]
  for (const { status, type } of cases)
    it(`tells a ${status} as a ${type.name}`, async () => {
      server.faults = () => ({ kind: 'status', status, text: 'plain words', retryAfterSeconds: 3 })
      const error = await rejection(client.request({ method: 'GET', path: '/api/v1/things' }))
      expect(error).to.be.instanceOf(type)
      expect(String(error)).to.contain('plain words')
      expect(statusOf(error)).to.equal(status)
      expect(askedDelayMs(error)).to.equal(3000)
    })

  it('tells a reset connection and a server that is away as transient', async () => {
    server.faults = () => ({ kind: 'reset' })
    expect(await rejection(client.request({ method: 'GET', path: '/api/v1/things' }))).to.be.instanceOf(
      TransientError,
    )
    const nowhere = new KubeClient({ url: new URL('http://127.0.0.1:1'), credentials: async () => ({}) })
    expect(await rejection(nowhere.request({ method: 'GET', path: '/' }))).to.be.instanceOf(TransientError)
  })

  it('fails a request to a server that says nothing', async () => {
    server.faults = () => ({ kind: 'delay', ms: 2000 })
    const error = await rejection(
      client.request({ method: 'GET', path: '/api/v1/things', idleTimeoutMs: 50 }),
    )
    expect(error).to.be.instanceOf(TransientError)
  })

  it('ends a watch on a connection that fell silent', async () => {
    const watching = (async () => {
      for await (const event of client.watch({
        method: 'GET',
        path: '/api/v1/things',
        query: { watch: 1 },
        idleTimeoutMs: 100,
      }))
        expect(event).to.equal(undefined)
    })()
    expect(await rejection(watching)).to.be.instanceOf(TransientError)
  })

  it('repeats a request whose kept-alive connection the server had closed', async () => {
    let connections = 0
    const served = new WeakSet<object>()
    const flaky = createServer((request, response) => {
      if (served.has(request.socket) && connections === 1) return request.socket.resetAndDestroy()
      served.add(request.socket)
      return response.end(JSON.stringify({ path: request.url }))
    })
    flaky.on('connection', () => connections++)
    await new Promise<void>(resolve => flaky.listen(0, '127.0.0.1', resolve))
    const { port } = flaky.address() as AddressInfo
    const reusing = new KubeClient({
      url: new URL(`http://127.0.0.1:${port}`),
      credentials: async () => ({}),
    })
    await reusing.request({ method: 'GET', path: '/one' })
    expect(await reusing.request({ method: 'GET', path: '/two' })).to.deep.equal({ path: '/two' })
    expect(connections).to.equal(2)
    reusing.close()
    flaky.close()
  })
})
