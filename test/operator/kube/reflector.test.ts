import { expect } from 'chai'
import fc from 'fast-check'
import type { Clock } from '#common/clock.ts'
import { systemClock } from '#common/clock.ts'
import { silentLogger } from '#common/logger.ts'
import { KubeClient } from '#operator/kube/client.ts'
import type { Change } from '#operator/kube/object-cache.ts'
import type { KubeObject, ResourceType } from '#operator/kube/object.ts'
import { Reflector } from '#operator/kube/reflector.ts'
import { FakeApiServer } from '../fake-api-server.ts'
import type { Fault } from '../fake-api-server.ts'
import { eventually } from '../manual-clock.ts'

interface Thing extends KubeObject {
  spec: { value: number }
}

const thingType: ResourceType<Thing> = { apiVersion: 'v1', kind: 'Thing', plural: 'things', namespaced: true }
const collection = '/api/v1/things'

const alphabetically = (a: string, b: string): number => (a < b ? -1 : 1)

const thing = (name: string, value = 0): Thing => ({
  apiVersion: 'v1',
  kind: 'Thing',
  metadata: { name, namespace: 'ns', managedFields: [{ manager: 'x' }] },
  spec: { value },
})

/** Sleeps a hundredth of what it is asked to, so that back-off is passed through rather than waited for. */
const hastyClock: Clock = {
  ...systemClock,
  sleep: (ms, signal) => systemClock.sleep(ms / 100, signal),
}

/** Sleeps no time, and notes how long it should have. */
const notedSleeps = (sleeps: number[]): Clock => ({
  ...systemClock,
  sleep: async (ms, signal) => {
    sleeps.push(ms)
    await systemClock.sleep(1, signal)
  },
})

describe('Reflector', () => {
  let server: FakeApiServer
  let client: KubeClient
  let stop: AbortController
  let running: Promise<void>
  let changes: Change<Thing>[]

  beforeEach(async () => {
    server = await FakeApiServer.start()
    client = new KubeClient(server.endpoint)
    stop = new AbortController()
    changes = []
  })

  afterEach(async () => {
    stop.abort()
    await running
    client.close()
    await server.stop()
  })

  function start(
    clock: Clock = hastyClock,
    onChange: (change: Change<Thing>) => void = change => changes.push(change),
  ): Reflector<Thing> {
    const reflector = new Reflector<Thing>({ client, type: thingType, onChange, clock, logger: silentLogger })
    running = reflector.run(stop.signal)
    return reflector
  }

  const write = (name: string, value: number): void => {
    const live = server.store.find(collection, 'ns', name)
    if (live === undefined) server.store.create(collection, thing(name, value))
    else server.store.update(collection, { ...live, spec: { value } } as Thing)
  }

  const inStep = (reflector: Reflector<Thing>): boolean => {
    const state = (objects: Iterable<KubeObject>): string =>
      [...objects]
        .map(each => [each.metadata.name, each.metadata.uid, (each as Thing).spec.value].join())
        .toSorted(alphabetically)
        .join(' ')
    return state(reflector.cache.values()) === state(server.store.list(collection))
  }

  it('lists in pages, then follows the watch', async () => {
    for (let index = 0; index < 1201; index++) server.store.create(collection, thing(`t-${index}`))
    const reflector = start()
    await reflector.synced
    expect(reflector.cache.size).to.equal(1201)
    expect(server.requests.filter(({ isWatch }) => !isWatch)).to.have.length(3)
    write('later', 7)
    await eventually('the watch tells the new object', () => reflector.cache.size === 1202)
    expect(reflector.cache.get('ns/later')).to.deep.include({ apiVersion: 'v1', kind: 'Thing' })
    expect(reflector.cache.get('ns/later')?.metadata).to.not.have.property('managedFields')
  })

  it('goes on from where it was when the server ends or breaks the watch', async () => {
    const reflector = start()
    await reflector.synced
    for (let round = 0; round < 4; round++) {
      await eventually('a watch', () => server.watchCount === 1)
      write('a', round)
      if (round % 2 === 0) server.endWatches()
      else server.breakWatches()
      write('b', round)
      await eventually(`round ${round} is seen`, () => inStep(reflector))
    }
    expect(
      server.requests.filter(({ isWatch }) => !isWatch),
      'lists',
    ).to.have.length(1)
  })

  it('leaves a connection that has gone dead when it is told to', async () => {
    const reflector = start()
    await reflector.synced
    await eventually('a watch', () => server.watchCount === 1)
    server.silent = true
    write('a', 1)
    server.silent = false
    await new Promise(resolve => setTimeout(resolve, 30))
    expect(reflector.cache.size, 'nobody the wiser').to.equal(0)
    reflector.renew()
    await eventually('in step', () => inStep(reflector))
    expect(
      server.requests.filter(({ isWatch }) => !isWatch),
      'lists',
    ).to.have.length(1)
  })

  it('does not wait out its back-off when it is told to go on', async () => {
    let sleeps = 0
    const sleep = (_: number, signal?: AbortSignal): Promise<void> => {
      sleeps++
      return systemClock.sleep(3_600_000, signal)
    }
    const reflector = start({ ...systemClock, sleep })
    await reflector.synced
    await eventually('a watch', () => server.watchCount === 1)
    server.breakWatches()
    await eventually('it waits', () => sleeps === 1)
    reflector.renew()
    await eventually('a watch again', () => server.watchCount === 1)
  })

  it('lists again when its version is no longer in the history', async () => {
    write('a', 1)
    write('b', 1)
    const reflector = start()
    await reflector.synced
    await eventually('a watch', () => server.watchCount === 1)
    server.faults = ({ isWatch }) => (isWatch ? { kind: 'status', status: 500 } : undefined)
    server.breakWatches()
    server.store.delete(collection, 'ns', 'a')
    write('b', 2)
    server.store.compact()
    write('c', 1)
    server.store.compact()
    server.faults = () => undefined
    await eventually('in step', () => inStep(reflector))
    expect(changes.at(-1)?.type).to.not.equal(undefined)
    expect(changes.some(({ type, object }) => type === 'deleted' && object.metadata.name === 'a')).to.equal(
      true,
    )
  })

  it('starts a new list when the history is lost between two pages', async () => {
    for (let index = 0; index < 700; index++) server.store.create(collection, thing(`t-${index}`))
    let compacted = false
    server.faults = ({ query }) => {
      if (query.has('continue') && !compacted) {
        compacted = true
        write('t-0', 1)
        server.store.compact()
      }
      return undefined
    }
    const reflector = start()
    await reflector.synced
    expect(compacted).to.equal(true)
    expect(reflector.cache.size).to.equal(700)
  })

  it('uses bookmarks, so that a quiet kind need not list again', async () => {
    write('a', 1)
    const reflector = start()
    await reflector.synced
    await eventually('a watch', () => server.watchCount === 1)
    for (let index = 0; index < 10; index++)
      server.store.create('/api/v1/others', { ...thing(`o-${index}`), kind: 'Other' })
    server.sendBookmarks()
    await new Promise(resolve => setTimeout(resolve, 30))
    server.store.compact()
    server.endWatches()
    await eventually('the next watch', () => server.watchCount === 1)
    const watches = server.requests.filter(({ isWatch }) => isWatch)
    expect(watches.at(-1)?.query.get('allowWatchBookmarks')).to.equal('true')
    expect(
      server.requests.filter(({ isWatch }) => !isWatch),
      'lists',
    ).to.have.length(1)
  })

  it('does not mind what is not JSON', async () => {
    const reflector = start()
    await reflector.synced
    await eventually('a watch', () => server.watchCount === 1)
    server.sendToWatches('<html>bad gateway</html>\n')
    write('a', 1)
    await eventually('in step', () => inStep(reflector))
  })

  it('waits as long as Retry-After asks for', async () => {
    const sleeps: number[] = []
    let refused = 0
    server.faults = () =>
      refused++ === 0 ? { kind: 'status', status: 429, retryAfterSeconds: 20, text: 'slow down' } : undefined
    const reflector = start(notedSleeps(sleeps))
    await reflector.synced
    expect(sleeps).to.deep.equal([20_000])
  })

  it('backs off from a server that ends every watch at once', async () => {
    const sleeps: number[] = []
    const reflector = start(notedSleeps(sleeps))
    await reflector.synced
    for (let round = 0; round < 5; round++) {
      await eventually('a watch', () => server.watchCount === 1)
      server.endWatches()
    }
    await eventually('five waits', () => sleeps.length >= 4)
    for (const ms of sleeps) expect(ms).to.be.at.least(200)
  })

  it('keeps going when a handler throws', async () => {
    const reflector = start(hastyClock, () => {
      throw new Error('handler')
    })
    await reflector.synced
    write('a', 1)
    write('b', 1)
    await eventually('in step', () => inStep(reflector))
  })

  it('comes to agree with the server whatever goes wrong on the way', async function () {
    this.timeout(60_000)
    const fault = fc.constantFrom<Fault | undefined>(
      undefined,
      undefined,
      undefined,
      { kind: 'reset' },
      { kind: 'status', status: 500 },
      { kind: 'status', status: 429, retryAfterSeconds: 1 },
      { kind: 'status', status: 503, text: 'upstream unavailable' },
      { kind: 'delay', ms: 5 },
    )
    const act = fc.constantFrom(
      'write',
      'write',
      'write',
      'recreate',
      'delete',
      'end',
      'break',
      'compact',
      'bookmark',
      'garbage',
    )
    const scenario = fc.record({
      faults: fc.array(fault, { minLength: 1, maxLength: 20 }),
      acts: fc.array(fc.record({ act, name: fc.constantFrom('a', 'b', 'c', 'd') }), { maxLength: 30 }),
      duplicate: fc.boolean(),
      late: fc.boolean(),
    })
    await fc.assert(
      fc.asyncProperty(scenario, async ({ faults, acts, duplicate, late }) => {
        const own = await FakeApiServer.start()
        const ownClient = new KubeClient(own.endpoint)
        const aborter = new AbortController()
        let asked = 0
        own.faults = () => faults[asked++]
        own.duplicateEvents = duplicate
        own.lateEvents = late
        const told = new Map<string, number>()
        const reflector = new Reflector<Thing>({
          client: ownClient,
          type: thingType,
          onChange: ({ type, object }) => {
            const key = `${object.metadata.name}/${object.metadata.uid}`
            if (type === 'deleted') told.delete(key)
            else told.set(key, object.spec.value)
          },
          clock: hastyClock,
          logger: silentLogger,
        })
        const run = reflector.run(aborter.signal)
        let value = 0
        const put = (name: string): void => {
          const live = own.store.find(collection, 'ns', name)
          if (live === undefined) own.store.create(collection, thing(name, ++value))
          else own.store.update(collection, { ...live, spec: { value: ++value } } as Thing)
        }
        const drop = (name: string): void => {
          if (own.store.find(collection, 'ns', name)) own.store.delete(collection, 'ns', name)
        }
        for (const { act: what, name } of acts) {
          if (what === 'write') put(name)
          else if (what === 'delete') drop(name)
          else if (what === 'recreate') {
            drop(name)
            put(name)
          } else if (what === 'end') own.endWatches()
          else if (what === 'break') own.breakWatches()
          else if (what === 'compact') own.store.compact()
          else if (what === 'bookmark') own.sendBookmarks()
          else own.sendToWatches('{"type":\n')
          if (value % 3 === 0) await new Promise(resolve => setTimeout(resolve, 2))
        }
        const state = (objects: Iterable<[string, number]>): string =>
          [...objects].map(String).toSorted(alphabetically).join(' ')
        const truth = own.store
          .list(collection)
          .map((each): [string, number] => [
            `${each.metadata.name}/${each.metadata.uid}`,
            (each as Thing).spec.value,
          ])
        await eventually('told as it is', () => state(told) === state(truth))
        aborter.abort()
        await run
        ownClient.close()
        await own.stop()
      }),
      { numRuns: 40 },
    )
  })
})
