// What other engines may do while the logs of a day are merged. What the merging comes to is in daily-history.test.ts.
import { expect } from 'chai'
import { Journal } from '#lake/journal/journal.ts'
import { defaultSharing } from '#lake/journal/sharing.ts'
import { lockPath } from '#lake/journal/storage-lock.ts'
import { listDataFiles } from '#lake/reader/data-file.ts'
import { coalesceLogs } from '#lake/services/coalesce-logs.ts'
import type { Coalesced } from '#lake/services/coalesce-logs.ts'
import type { ServiceContext } from '#lake/services/compact.ts'
import { MemoryStore } from '#lake/storage/memory.ts'
import { formatInstant } from '#lake/timeline/instant.ts'
import { loadTimeline } from '#lake/timeline/timeline.ts'
import { dayMs, hourMs } from './days.ts'
import { KeyedTable, notes } from './keyed-table.ts'

const policy = { ageMsMin: dayMs, queryMsMax: hourMs, bytesMax: 1 << 20 }
const nothing: Coalesced = { files: 0, removed: 0 }

/** A store in which something happens when the table's lock is taken: another engine had it until then. */
class LockedStore extends MemoryStore {
  locks = 0
  onLock: () => Promise<void> = () => Promise.resolve()

  override async putTagged(path: string, bytes: Uint8Array, tag: string | null): Promise<string | null> {
    const there = await this.get(lockPath)
    if (path === lockPath && (there === null || isExpired(there))) {
      this.locks++
      await this.onLock()
    }
    return super.putTagged(path, bytes, tag)
  }
}

function isExpired(lock: Uint8Array): boolean {
  return (JSON.parse(Buffer.from(lock).toString()) as { expired: boolean }).expired
}

describe('merging the logs of a day', () => {
  const objects = new Map<string, Uint8Array>()
  const store = new LockedStore('', objects)
  let table: KeyedTable
  /** Of the day's commits. */
  let instants: string[]
  beforeEach(async () => {
    objects.clear()
    store.locks = 0
    store.onLock = () => Promise.resolve()
    table = new KeyedTable(objects)
    const writer = await table.openWriter()
    await table.write(writer, notes(0, 20, 'first'))
    table.clock.nowAtMs += dayMs
    instants = []
    for (const note of ['a', 'b', null, 'c']) instants.push(await table.write(writer, notes(0, 6, note)))
    table.clock.nowAtMs += 2 * dayMs
    await table.write(writer, notes(0, 1, 'later'))
  })

  async function shared(concurrency: 'shared' | 'exclusive' = 'shared'): Promise<ServiceContext> {
    const { clock } = table
    const { signal } = new AbortController()
    const sharing = { ...defaultSharing, concurrency }
    const journal = await Journal.open(store, { clock, writer: 'services', signal, sharing })
    return { ...(await table.services()), store, journal }
  }

  async function logs(): Promise<string[]> {
    return (await listDataFiles(store)).flatMap(({ kind, path }) => (kind === 'log' ? [path] : []))
  }

  const pend = async (action: string): Promise<void> =>
    store.put(`.hoodie/timeline/${formatInstant(table.clock.nowMs())}.${action}`, new Uint8Array(0))

  it('takes the lock where other engines write as well, and none where they do not', async () => {
    expect(await coalesceLogs(await shared('exclusive'), policy)).to.deep.equal({ files: 2, removed: 0 })
    expect(store.locks).to.equal(0)
    table.clock.nowAtMs += 2 * hourMs
    expect(await coalesceLogs(await shared(), policy)).to.deep.equal({ files: 0, removed: 8 })
    expect(store.locks).to.equal(1)
    expect(await table.found()).to.deep.equal(table.expected)
  })

  const others: [name: string, act: () => Promise<void>][] = [
    ['has planned to clean', () => pend('clean.requested')],
    ['has planned to compact', () => pend('compaction.requested')],
    ['has cleaned', async () => store.delete((await logs()).slice(0, 1))],
    [
      'has taken a commit off the timeline',
      async () =>
        store.delete(
          (await loadTimeline(store, 2)).flatMap(at => (at.instant === instants[0] ? [at.path] : [])),
        ),
    ],
    [
      'has made a savepoint',
      () => store.put(`.hoodie/timeline/${instants[1]}_${instants[3]}.savepoint`, new Uint8Array(0)),
    ],
  ]
  for (const [name, act] of others)
    it(`adds no log when another engine ${name} just before`, async () => {
      const context = await shared()
      let before = 0
      store.onLock = async () => {
        if (store.locks > 1) return
        await act()
        before = (await logs()).length
      }
      await coalesceLogs(context, policy)
      expect(store.locks).to.be.above(0)
      // Of both groups, or of the one another engine did nothing to.
      expect((await logs()).length - before).to.equal(name === 'has cleaned' ? 1 : 0)
    })

  for (const [name, act] of others.filter(([, act]) => act !== others[2]![1] && act !== others[3]![1]))
    it(`removes no log when another engine ${name} just before`, async () => {
      await coalesceLogs(await shared(), policy)
      table.clock.nowAtMs += 2 * hourMs
      const context = await shared()
      const before = await logs()
      store.onLock = act
      expect(await coalesceLogs(context, policy)).to.deep.equal(nothing)
      expect(await logs()).to.deep.equal(before)
    })

  it('does not bring back a commit that another engine took off the timeline', async () => {
    await coalesceLogs(await shared(), policy)
    table.clock.nowAtMs += 2 * hourMs
    const context = await shared()
    const [, , ofDay] = await loadTimeline(store, 2)
    store.onLock = () => store.delete([ofDay!.path])
    await coalesceLogs(context, policy)
    expect((await loadTimeline(store, 2)).map(({ path }) => path)).to.not.include(ofDay!.path)
  })
})
