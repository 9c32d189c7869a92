import { expect } from 'chai'
import fc from 'fast-check'
import { applyObject, canonicalJson, contentHash, covers } from '#operator/kube/apply.ts'
import { KubeClient } from '#operator/kube/client.ts'
import type { KubeObject, ResourceType } from '#operator/kube/object.ts'
import { FakeApiServer } from '../fake-api-server.ts'

interface Thing extends KubeObject {
  spec: Record<string, unknown>
}

const thingType: ResourceType<Thing> = {
  apiVersion: 'apps/v1',
  kind: 'Thing',
  plural: 'things',
  namespaced: true,
}
const collection = '/apis/apps/v1/things'

const thing = (spec: Record<string, unknown>): Thing => ({
  apiVersion: 'apps/v1',
  kind: 'Thing',
  metadata: { name: 'a', namespace: 'ns' },
  spec,
})

describe('applyObject', () => {
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

  const live = (): Thing | undefined => server.store.find(collection, 'ns', 'a') as Thing | undefined
  const apply = (spec: Record<string, unknown>): Promise<Thing | null> =>
    applyObject(client, thingType, thing(spec), { live: live(), fieldManager: 'sluice-test' })

  it('makes the object, and makes no call when it already is so', async () => {
    await apply({ replicas: 1, template: { labels: { a: 'b' } } })
    expect(live()?.spec).to.deep.equal({ replicas: 1, template: { labels: { a: 'b' } } })
    const calls = server.requests.length
    expect(await apply({ template: { labels: { a: 'b' } }, replicas: 1 })).to.equal(null)
    expect(server.requests.length).to.equal(calls)
  })

  it('undoes what somebody else did to our fields, and leaves theirs alone', async () => {
    await apply({ replicas: 1 })
    const edited = live()
    if (edited === undefined) throw new Error('gone')
    server.store.update(collection, { ...edited, spec: { replicas: 7, paused: true } } as Thing)
    await apply({ replicas: 1 })
    expect(live()?.spec).to.deep.equal({ replicas: 1, paused: true })
  })

  it('takes back fields it no longer states', async () => {
    await apply({ replicas: 1, strategy: { type: 'Recreate' } })
    await apply({ replicas: 1 })
    expect(live()?.spec).to.deep.equal({ replicas: 1 })
  })

  it('knows a quantity in another form', async () => {
    await apply({ resources: { requests: { cpu: '0.5', memory: '1024Mi', pods: 1 } } })
    const stored = live()
    if (stored === undefined) throw new Error('gone')
    server.store.update(collection, {
      ...stored,
      spec: { resources: { requests: { cpu: '500m', memory: '1Gi', pods: '1' } } },
    } as Thing)
    expect(await apply({ resources: { requests: { cpu: '0.5', memory: '1024Mi', pods: 1 } } })).to.equal(null)
  })
})

describe('covers', () => {
  it('holds for whatever a server adds, and for no change of what was stated', () => {
    fc.assert(
      fc.property(
        fc.dictionary(fc.string({ minLength: 1 }), fc.jsonValue()),
        fc.string({ minLength: 1 }),
        (stated, extra) => {
          expect(covers(stated, stated)).to.equal(true)
          expect(covers({ [extra]: 'default', ...stated }, stated)).to.equal(true)
          expect(covers(stated, { ...stated, [`${extra}!`]: 'not there' })).to.equal(false)
        },
      ),
    )
  })
})

describe('canonicalJson', () => {
  it('is the same JSON, whatever the order of the keys', () => {
    fc.assert(
      fc.property(fc.jsonValue(), value => {
        const text = canonicalJson(value)
        expect(JSON.parse(text)).to.deep.equal(JSON.parse(JSON.stringify(value)))
        expect(canonicalJson(reversed(value))).to.equal(text)
      }),
    )
  })

  it('leaves out what JSON has no word for, and keeps the places of a list', () => {
    expect(canonicalJson({ b: [undefined, 'ü"'], a: undefined, aa: 1, B: null })).to.equal(
      '{"B":null,"aa":1,"b":[null,"ü\\""]}',
    )
    expect(canonicalJson(undefined)).to.equal('null')
  })
})

function reversed(value: unknown): unknown {
  if (typeof value !== 'object' || value === null) return value
  if (Array.isArray(value)) return value.map(reversed)
  const entries = Object.entries(value).map(([name, part]) => [name, reversed(part)])
  return Object.fromEntries(entries.toReversed())
}

describe('contentHash', () => {
  it('depends on the content and not on the order of keys', () => {
    expect(contentHash({ a: 1, b: [{ c: 2, d: 3 }] })).to.equal(contentHash({ b: [{ d: 3, c: 2 }], a: 1 }))
    expect(contentHash({ a: [1, 2] })).to.not.equal(contentHash({ a: [2, 1] }))
  })
})
