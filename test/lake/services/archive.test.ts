import { expect } from 'chai'
import { isAbort } from '#common/errors.ts'
import type { HistoryPolicy } from '#lake/services/plan-archiving.ts'
import { archiveInstants, tidyHistory } from '#lake/services/archive.ts'
import { MemoryStore } from '#lake/storage/memory.ts'
import type { ArchivedInstant } from '#lake/timeline/archived-instants.ts'
import { decodeArchivedInstants } from '#lake/timeline/archived-instants.ts'
import { historyFolder, manifestPath, versionFilePath } from '#lake/timeline/history-format.ts'
import { loadHistory } from '#lake/timeline/history.ts'
import { firstInstant, formatInstant } from '#lake/timeline/instant.ts'
import { HookedStore } from './hooked-store.ts'

const policy: HistoryPolicy = { levelFiles: 3, fileBytesMax: 1 << 20, versionsKept: 2 }
const { signal } = new AbortController()

function instantsOf(from: number, to: number): ArchivedInstant[] {
  return Array.from({ length: to - from }, (_, at) => ({
    instant: formatInstant(Date.UTC(2026, 10, 1) + (from + at) * 60_000),
    completionTime: formatInstant(Date.UTC(2026, 10, 1) + (from + at) * 60_000 + 500),
    action: (from + at) % 5 === 4 ? 'commit' : 'deltacommit',
    metadata: Buffer.from(`body of ${from + at}`),
    plan: (from + at) % 5 === 4 ? Buffer.from('plan') : null,
  }))
}

async function archived(store: MemoryStore): Promise<ArchivedInstant[]> {
  const { files, missing } = await loadHistory(store)
  expect(missing, 'files that the manifest names and are gone').to.deep.equal([])
  const found: ArchivedInstant[] = []
  for (const { name } of files) {
    const bytes = (await store.get(historyFolder + name))!
    for await (const instant of decodeArchivedInstants(bytes, name)) found.push(instant)
  }
  return found.toSorted((a, b) => (a.instant < b.instant ? -1 : 1))
}

const timesOf = (instants: readonly ArchivedInstant[]): string[] => instants.map(({ instant }) => instant)

async function copyOf(store: MemoryStore): Promise<MemoryStore> {
  const objects = new Map<string, Uint8Array>()
  for await (const { path } of store.list('')) objects.set(path, (await store.get(path))!)
  return new MemoryStore('', objects)
}

describe('archiving', () => {
  let store: MemoryStore
  beforeEach(() => {
    store = new MemoryStore()
  })

  it('keeps every instant as it was, with its plan', async () => {
    await archiveInstants({ store, signal }, instantsOf(0, 7))
    await archiveInstants({ store, signal }, instantsOf(7, 12))
    const text = ({ metadata, plan, ...rest }: ArchivedInstant): object => ({
      ...rest,
      metadata: Buffer.from(metadata ?? []).toString(),
      plan: plan === null ? null : Buffer.from(plan).toString(),
    })
    expect((await archived(store)).map(text)).to.deep.equal(instantsOf(0, 12).map(text))
  })

  it('adds an instant once, also when it is asked again with others', async () => {
    await archiveInstants({ store, signal }, instantsOf(0, 5))
    await archiveInstants({ store, signal }, instantsOf(0, 5))
    await archiveInstants({ store, signal }, instantsOf(3, 8))
    expect(timesOf(await archived(store))).to.deep.equal(timesOf(instantsOf(0, 8)))
  })

  it('loses nothing when two archivers meet at any point', async () => {
    await archiveInstants({ store, signal }, instantsOf(0, 4))
    for (let turn = 1; turn < 60; turn++) {
      const copy = await copyOf(store)
      const hooked = new HookedStore(copy)
      let met = false
      hooked.before = async () => {
        if (hooked.requests !== turn) return
        met = true
        await archiveInstants({ store: copy, signal }, instantsOf(4, 9))
        await tidyHistory({ store: copy, signal }, policy, firstInstant)
      }
      await archiveInstants({ store: hooked, signal }, instantsOf(4, 7))
      await tidyHistory({ store: hooked, signal }, policy, firstInstant)
      if (!met) return
      expect([...new Set(timesOf(await archived(copy)))], `request ${turn}`).to.deep.equal(
        timesOf(instantsOf(0, 9)),
      )
    }
    throw new Error('an archiver made very many requests')
  })

  it('may end at any request: what the history names is there, and nothing is lost when it is done again', async () => {
    for (let from = 0; from < 30; from += 3) {
      await archiveInstants({ store, signal }, instantsOf(from, from + 3))
      if (from % 2 === 0) await tidyHistory({ store, signal }, policy, firstInstant)
    }
    const work = async (on: MemoryStore, until: AbortSignal): Promise<void> => {
      await archiveInstants({ store: on, signal: until }, instantsOf(30, 33))
      for (let turn = 0; turn < 3; turn++)
        await tidyHistory({ store: on, signal: until }, policy, instantsOf(6, 7)[0]!.instant)
    }
    let ends = 0
    for (let last = 0; last < 200; last++) {
      const copy = await copyOf(store)
      const hooked = new HookedStore(copy)
      const stop = new AbortController()
      hooked.before = () => {
        if (hooked.requests > last) stop.abort()
        stop.signal.throwIfAborted()
      }
      const ended = await work(hooked, stop.signal).catch((error: unknown) => error)
      await archived(copy)
      if (ended === undefined) break
      if (!isAbort(ended)) throw ended
      ends++
      await work(copy, signal)
      expect(timesOf(await archived(copy)), `request ${last}`).to.include.members(timesOf(instantsOf(9, 33)))
    }
    expect(ends).to.be.greaterThan(20)
  })

  it('merges levels, and leaves few files and manifests', async () => {
    for (let from = 0; from < 300; from += 2) {
      await archiveInstants({ store, signal }, instantsOf(from, from + 2))
      await tidyHistory({ store, signal }, policy, firstInstant)
    }
    expect(timesOf(await archived(store))).to.deep.equal(timesOf(instantsOf(0, 300)))
    const { files, stored, versions } = await loadHistory(store)
    expect(files).to.have.length.below(3 * 5)
    expect(stored).to.have.length.below(3 * 5 + 2 * 6)
    expect(versions).to.have.length.below(6)
  })

  it('does not grow for ever', async () => {
    for (let from = 0; from < 120; from += 2) {
      await archiveInstants({ store, signal }, instantsOf(from, from + 2))
      await tidyHistory(
        { store, signal },
        policy,
        formatInstant(Date.UTC(2026, 10, 1) + (from - 20) * 60_000),
      )
    }
    const times = timesOf(await archived(store))
    expect(times).to.include.members(timesOf(instantsOf(98, 120)))
    expect(times).to.have.length.below(60)
  })

  it('removes a version file that no longer names the newest manifest, and no other', async () => {
    await archiveInstants({ store, signal }, instantsOf(0, 2))
    // As Java's archiver leaves it.
    await store.put(manifestPath(2), (await store.get(manifestPath(1)))!)
    await store.put(versionFilePath, Buffer.from('2'))
    await archiveInstants({ store, signal }, instantsOf(0, 2))
    expect(await store.get(versionFilePath)).not.to.equal(null)
    await archiveInstants({ store, signal }, instantsOf(2, 4))
    expect(await store.get(versionFilePath)).to.equal(null)
    expect((await loadHistory(store)).version).to.equal(3)
  })

  it('leaves out of the next manifest what another engine removed', async () => {
    await archiveInstants({ store, signal }, instantsOf(0, 2))
    await archiveInstants({ store, signal }, instantsOf(2, 4))
    const [first] = (await loadHistory(store)).files
    await store.delete([historyFolder + first!.name])
    await archiveInstants({ store, signal }, instantsOf(2, 4))
    expect(timesOf(await archived(store))).to.deep.equal(timesOf(instantsOf(2, 4)))
  })

  it('is not misled by the manifest of an archiver that slept', async () => {
    for (let from = 0; from < 20; from += 2) {
      await archiveInstants({ store, signal }, instantsOf(from, from + 2))
      await tidyHistory({ store, signal }, policy, firstInstant)
    }
    const { versions } = await loadHistory(store)
    expect(versions[0]).to.be.greaterThan(3)
    await store.put(manifestPath(3), Buffer.from('{"files":[{"fileName":"1_2_0.parquet","fileLen":1}]}'))
    await archiveInstants({ store, signal }, instantsOf(20, 22))
    for (let turn = 0; turn < 6; turn++)
      await archiveInstants({ store, signal }, instantsOf(22 + turn, 23 + turn))
    await tidyHistory({ store, signal }, policy, firstInstant)
    expect(timesOf(await archived(store))).to.deep.equal(timesOf(instantsOf(0, 28)))
    expect((await loadHistory(store)).versions).not.to.include(3)
  })
})
