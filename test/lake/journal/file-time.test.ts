import { expect } from 'chai'
import { ConfigError } from '#common/errors.ts'
import { keepFileTime } from '#lake/journal/file-time.ts'
import { MemoryStore } from '#lake/storage/memory.ts'
import type { ObjectInfo } from '#lake/storage/object-store.ts'
import { formatInstant } from '#lake/timeline/instant.ts'
import { fixedClock } from './table-fixture.ts'

/** A store with a clock of its own, which keeps the times of files to the second. */
class TimedStore extends MemoryStore {
  readonly clock = fixedClock()
  behindMs = 0
  puts = 0
  readonly #times = new Map<string, number>()

  override async put(path: string, bytes: Uint8Array): Promise<void> {
    this.puts++
    const nowMs = this.clock.nowMs() - this.behindMs
    this.#times.set(path, nowMs - (nowMs % 1000))
    await super.put(path, bytes)
  }

  override async *list(prefix: string, startAfter?: string): AsyncIterable<ObjectInfo> {
    for await (const info of super.list(prefix, startAfter))
      yield { ...info, modifiedAtMs: this.#times.get(info.path)! }
  }
}

describe('the file of a completed instant in layout 1', () => {
  const path = '.hoodie/20261124120000000.commit'
  const bytes = Buffer.from('{}')

  async function kept(store: TimedStore): Promise<void> {
    const instant = formatInstant(store.clock.nowMs())
    store.clock.nowAtMs += 1000
    await store.put(path, bytes)
    await keepFileTime({ path, bytes, instant }, { store, clock: store.clock })
    for await (const { modifiedAtMs } of store.list(path))
      expect(formatInstant(modifiedAtMs!) >= instant).to.equal(true)
  }

  for (const { name, behindMs, puts } of [
    { name: 'is left as it is where clocks agree', behindMs: 0, puts: 1 },
    { name: 'is left as it is where the clock of the store is ahead', behindMs: -5000, puts: 1 },
    { name: 'is written again when the clock of the store has caught up', behindMs: 7300, puts: 2 },
  ])
    it(name, async () => {
      const store = new TimedStore()
      store.behindMs = behindMs
      store.clock.nowAtMs += 321
      await kept(store)
      expect(store.puts).to.equal(puts)
    })

  it('is a reason to set a clock right that is far behind', async () => {
    const store = new TimedStore()
    store.behindMs = 600_000
    const failed = await kept(store).catch((error: unknown) => error)
    expect(failed).to.be.instanceOf(ConfigError)
    expect((failed as ConfigError).code).to.equal('STORAGE_CLOCK_BEHIND')
  })

  it('is left as it is where files have no times', async () => {
    const store = new MemoryStore()
    await store.put(path, bytes)
    await keepFileTime({ path, bytes, instant: '20991124120000000' }, { store, clock: fixedClock() })
  })
})
