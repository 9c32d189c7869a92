import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { expect } from 'chai'
import { ConfigError, ConflictError, TransientError } from '#common/errors.ts'
import { askedDelayMs, statusOf } from '#operator/kube/api-error.ts'
import { KubeClient } from '#operator/kube/client.ts'
import { FakeApiServer } from '../fake-api-server.ts'
import { eventually } from '../manual-clock.ts'

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

  it('lists all pages, and says of what kind the objects are', async () => {
    const type = { apiVersion: 'v1', kind: 'Pod', plural: 'pods', namespaced: true }
    for (let at = 0; at < 1001; at++)
      server.store.create('/api/v1/pods', {
        apiVersion: 'v1',
        kind: 'Pod',
        metadata: { name: `pod-${at}`, namespace: 'shop' },
      })
    const pods = await client.list(type, { namespace: 'shop' })
    expect(new Set(pods.map(({ metadata }) => metadata.name)).size).to.equal(1001)
    expect(pods[1000]).to.include({ apiVersion: 'v1', kind: 'Pod' })
    expect(server.requests.length).to.equal(3)
    expect(await client.list(type, { namespace: 'other' })).to.deep.equal([])
  })

  it('streams what is not JSON, and tells of a connection that breaks in the middle', async () => {
    server.others.set('/log', (response, query) => {
      response.write('one\n')
      if (query.has('break')) setTimeout(() => response.destroy(), 20)
      else response.end('two\n')
    })
    const read = async (path: string): Promise<string> => {
      let text = ''
      const query = { break: path === 'break' ? true : undefined }
      for await (const chunk of client.stream({ method: 'GET', path: '/log', query }))
        text += Buffer.from(chunk).toString()
      return text
    }
    expect(await read('whole')).to.equal('one\ntwo\n')
    expect(await rejection(read('break'))).to.be.instanceOf(TransientError)
  })

  it('leaves a stream that nobody reads on', async () => {
    let closed = false
    server.others.set('/log', response => {
      response.on('close', () => (closed = true))
      response.write('one\n')
    })
    for await (const chunk of client.stream({ method: 'GET', path: '/log' })) {
      expect(chunk.length).to.equal(4)
      break
    }
    await eventually('closed', () => closed)
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
