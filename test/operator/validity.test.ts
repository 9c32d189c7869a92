import { expect } from 'chai'
import type { Condition } from '#api/resource.ts'
import { silentLogger } from '#common/logger.ts'
import { systemClock } from '#common/clock.ts'
import { KubeClient } from '#operator/kube/client.ts'
import type { KubeObject } from '#operator/kube/object.ts'
import { createOperatorMetrics } from '#operator/metrics.ts'
import { Operator } from '#operator/operator.ts'
import { FakeApiServer } from './fake-api-server.ts'
import { eventually } from './manual-clock.ts'
import { collections, shopDb } from './sync-job/fixtures.ts'

describe('Validity of DataSources and VirtualTables', () => {
  let server: FakeApiServer
  let client: KubeClient
  let stop: AbortController
  let running: Promise<void>

  beforeEach(async () => {
    server = await FakeApiServer.start()
    client = new KubeClient(server.endpoint)
    stop = new AbortController()
    const operator = new Operator({
      client,
      instance: 'test',
      worker: { image: 'sluice:1', imagePullPolicy: 'IfNotPresent', imagePullSecrets: [] },
      askWorker: async () => Promise.reject(new Error('nobody')),
      clock: systemClock,
      logger: silentLogger,
      metrics: createOperatorMetrics(),
    })
    running = operator.run(stop.signal)
  })

  afterEach(async () => {
    stop.abort()
    await running
    client.close()
    await server.stop()
  })

  const ready = (collection: string, name: string): Condition | undefined => {
    const found = server.store.find(collection, 'shop', name) as
      | (KubeObject & { status?: { conditions?: Condition[] } })
      | undefined
    return found?.status?.conditions?.[0]
  }

  it('is told for the spec that is there now', async () => {
    server.store.create(collections.dataSources, shopDb({ porrt: 5432 }) as KubeObject)
    await eventually('not valid', () => ready(collections.dataSources, 'shop-db')?.reason === 'SPEC_INVALID')
    expect(ready(collections.dataSources, 'shop-db')?.message).to.contain('did you mean `port`?')
    const live = server.store.get(collections.dataSources, 'shop', 'shop-db')
    server.store.update(collections.dataSources, { ...live, spec: shopDb().spec } as KubeObject)
    await eventually('valid', () => ready(collections.dataSources, 'shop-db')?.reason === 'Valid')
    expect(ready(collections.dataSources, 'shop-db')?.observedGeneration).to.equal(2)
  })

  it('of a VirtualTable waits for its DataSource', async () => {
    server.store.create(collections.virtualTables, {
      apiVersion: 'sluice.dev/v1alpha1',
      kind: 'VirtualTable',
      metadata: { name: 'orders', namespace: 'shop' },
      spec: { source: { name: 'shop-db', object: 'public.orders' } },
    } as KubeObject)
    await eventually('not valid', () => ready(collections.virtualTables, 'orders')?.status === 'False')
    server.store.create(collections.dataSources, shopDb() as KubeObject)
    await eventually('valid', () => ready(collections.virtualTables, 'orders')?.status === 'True')
  })
})
