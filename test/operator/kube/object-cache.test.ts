import { expect } from 'chai'
import fc from 'fast-check'
import { ObjectCache } from '#operator/kube/object-cache.ts'
import type { Change } from '#operator/kube/object-cache.ts'
import type { KubeObject } from '#operator/kube/object.ts'

const thing = (name: string, uid: string, version: number): KubeObject => ({
  apiVersion: 'v1',
  kind: 'Thing',
  metadata: { name, namespace: 'ns', uid, resourceVersion: String(version), labels: { uid } },
})

interface Happened {
  type: 'upsert' | 'remove'
  object: KubeObject
}

/** A history as a server makes it: every object is made, changed and deleted, versions only grow. */
const histories = fc
  .array(fc.record({ name: fc.constantFrom('a', 'b', 'c'), act: fc.constantFrom('write', 'delete') }), {
    maxLength: 40,
  })
  .map(acts => {
    const living = new Map<string, string>()
    const history: Happened[] = []
    let version = 0
    let uids = 0
    for (const { name, act } of acts) {
      version++
      const uid = living.get(name)
      if (act === 'delete' && uid === undefined) continue
      const now = uid ?? `uid-${++uids}`
      history.push({ type: act === 'write' ? 'upsert' : 'remove', object: thing(name, now, version) })
      if (act === 'write') living.set(name, now)
      else living.delete(name)
    }
    return { history, living }
  })

function take(cache: ObjectCache<KubeObject>, { type, object }: Happened): Change<KubeObject>[] {
  return type === 'upsert' ? cache.upsert(object) : cache.remove(object)
}

const livingIn = (cache: ObjectCache<KubeObject>): Map<string, string | undefined> =>
  new Map([...cache.values()].map(({ metadata }) => [metadata.name, metadata.uid]))

describe('ObjectCache', () => {
  it('ends with the living objects, however often and late events are told', () => {
    fc.assert(
      fc.property(histories, fc.infiniteStream(fc.nat(3)), ({ history, living }, repeats) => {
        const cache = new ObjectCache<KubeObject>()
        history.forEach((event, index) => {
          take(cache, event)
          // An earlier event of this watch once more, as a reconnecting watch or a slow proxy tells it.
          const repeat = repeats.next().value ?? 0
          const again = history[index - repeat]
          if (again !== undefined) take(cache, again)
        })
        expect(livingIn(cache)).to.deep.equal(living)
      }),
      { numRuns: 500 },
    )
  })

  it('tells each object born once and dead at most once, in between only with later versions', () => {
    fc.assert(
      fc.property(histories, ({ history }) => {
        const cache = new ObjectCache<KubeObject>()
        const state = new Map<string, number>()
        for (const event of history.flatMap(each => [each, each]))
          for (const change of take(cache, event)) {
            const { uid = '', resourceVersion } = change.object.metadata
            if (change.type === 'added') expect(state.has(uid)).to.equal(false)
            else if (change.type === 'updated')
              expect(Number(resourceVersion)).to.be.greaterThan(state.get(uid) ?? Infinity)
            else expect(state.get(uid)).to.be.lessThan(Infinity)
            state.set(uid, change.type === 'deleted' ? Infinity : Number(resourceVersion))
          }
      }),
      { numRuns: 500 },
    )
  })

  it('tells a name that was deleted and made again between two lists as two objects', () => {
    const cache = new ObjectCache<KubeObject>()
    cache.replace([thing('a', 'uid-1', 5)])
    const changes = cache.replace([thing('a', 'uid-2', 9)])
    expect(changes.map(({ type, object }) => [type, object.metadata.uid])).to.deep.equal([
      ['deleted', 'uid-1'],
      ['added', 'uid-2'],
    ])
  })

  it('tells what a list no longer names as deleted', () => {
    const cache = new ObjectCache<KubeObject>()
    cache.replace([thing('a', 'uid-1', 1), thing('b', 'uid-2', 2)])
    expect(
      cache.replace([thing('b', 'uid-2', 2)]).map(({ type, object }) => [type, object.metadata.name]),
    ).to.deep.equal([['deleted', 'a']])
  })

  it('finds by index exactly what a scan finds', () => {
    fc.assert(
      fc.property(histories, ({ history }) => {
        const cache = new ObjectCache<KubeObject>({ uid: ({ metadata }) => [metadata.uid ?? ''] })
        for (const event of history) take(cache, event)
        for (const { object } of history) {
          const uid = object.metadata.uid ?? ''
          const scanned = [...cache.values()].filter(({ metadata }) => metadata.uid === uid)
          expect(cache.indexed('uid', uid)).to.deep.equal(scanned)
        }
      }),
    )
  })
})
