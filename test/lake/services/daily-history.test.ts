import { expect } from 'chai'
import { listDataFiles } from '#lake/reader/data-file.ts'
import { clean } from '#lake/services/clean.ts'
import type { CleaningPolicy } from '#lake/services/clean.ts'
import { coalesceLogs } from '#lake/services/coalesce-logs.ts'
import { compactSome } from '#lake/services/compact.ts'
import { TableReader } from '#lake/reader/table-reader.ts'
import type { TableWriter } from '#lake/table/table-writer.ts'
import { formatInstant } from '#lake/timeline/instant.ts'
import { loadTimeline } from '#lake/timeline/timeline.ts'
import { canonicalJson } from '#test/bed/canonical.ts'
import { canonicalRows } from '../reader/canonical.ts'
import { HookedStore } from './hooked-store.ts'
import { eager, KeyedTable, notes } from './keyed-table.ts'

const hourMs = 3_600_000
const dayMs = 24 * hourMs
const cleaning: CleaningPolicy = {
  retentionMs: 30 * dayMs,
  instantsMin: 2,
  thinning: { queryMsMax: hourMs, logShareMax: 100 },
}
const coalescing = { ageMsMin: dayMs, queryMsMax: hourMs, bytesMax: 1 << 20 }

/** A table that lived for some days, with what it was at times that can be asked for. */
class Days {
  readonly table: KeyedTable
  /** Time -> rows. */
  readonly states: Map<string, string[]>
  #writer: TableWriter | null = null

  constructor(table = new KeyedTable(), states = new Map<string, string[]>()) {
    this.table = table
    this.states = states
  }

  async copy(): Promise<Days> {
    return new Days(await this.table.copy(), this.states)
  }

  /** Six commits a day, of which some delete and some bring back; a compaction after every fourth. */
  async live(days: number): Promise<void> {
    const { table } = this
    this.#writer ??= await table.openWriter()
    for (let day = 0; day < days; day++) {
      for (let commit = 0; commit < 6; commit++) {
        table.clock.nowAtMs += 4 * hourMs - 10_000
        const at = this.states.size
        await table.write(this.#writer, [
          ...notes(at % 30, (at % 30) + 10, at % 7 === 0 ? null : `note ${at}`),
          ...notes(0, 3, `hot ${at}`),
        ])
        // A commit's instant may be a little later than the clock.
        this.states.set(formatInstant(table.clock.nowMs() + 5_000), table.expected)
        if (at % 4 === 3) await compactSome(await table.services(), eager)
      }
    }
  }

  /** The times of the last states of days that ended longer than a day ago; younger ones count each. */
  ends(): string[] {
    const times = [...this.states.keys()]
    const recent = formatInstant(this.table.clock.nowMs() - dayMs)
    const isEnd = (time: string, at: number): boolean => times[at + 1]?.slice(0, 8) !== time.slice(0, 8)
    return times.filter((time, at) => isEnd(time, at) || time.slice(0, 8) >= recent.slice(0, 8))
  }

  async expectStates(times: readonly string[]): Promise<void> {
    for (const asOf of times)
      expect(await this.table.found({ asOf }), `as of ${asOf}`).to.deep.equal(this.states.get(asOf))
    expect(await this.table.found(), 'now').to.deep.equal([...this.states.values()].at(-1))
  }

  async changesOf(from: string, to: string): Promise<string[]> {
    const reader = await TableReader.open(this.table.store)
    const rows: string[] = []
    for await (const batch of reader.read({ from, to })) rows.push(...canonicalRows(batch).map(canonicalJson))
    return rows
  }

  async serve(on = this.table.store): Promise<void> {
    const context = await this.table.services(on)
    await clean(context, cleaning)
    await coalesceLogs(context, coalescing)
  }

  async count(kind: 'base' | 'log'): Promise<number> {
    return (await listDataFiles(this.table.store)).filter(file => file.kind === kind).length
  }
}

describe('the past of a merge-on-read table', () => {
  let days: Days
  beforeEach(async () => {
    days = new Days()
    await days.live(6)
  })

  it('keeps every state with few of the base files that compactions wrote', async () => {
    const before = await days.count('base')
    await clean(await days.table.services(), cleaning)
    await days.expectStates([...days.states.keys()])
    expect(before).to.be.greaterThan(15)
    // Of two buckets: the first, the newest, and the one before it until an hour has passed.
    expect(await days.count('base')).to.be.at.most(6)
  })

  it('keeps the base file of a savepoint, and all while another engine has something under way', async () => {
    const before = await days.count('base')
    const context = await days.table.services()
    const pending = `.hoodie/timeline/${formatInstant(days.table.clock.nowMs())}.clean.requested`
    await days.table.store.put(pending, new Uint8Array(0))
    await clean(context, cleaning)
    expect(await days.count('base')).to.equal(before)
    await days.table.store.delete([pending])
    const at = [...days.states.keys()][14]!
    await days.table.store.put(`.hoodie/timeline/${at}_${at}.savepoint`, new Uint8Array(0))
    await clean(context, cleaning)
    expect(await days.count('base')).to.be.within(5, 8)
    await days.expectStates([...days.states.keys()])
  })

  it('keeps of older days the state at their end, in one log file a day and bucket', async () => {
    const logs = await days.count('log')
    await days.serve()
    await days.expectStates(days.ends())
    days.table.clock.nowAtMs += 2 * hourMs
    await days.serve()
    await days.expectStates(days.ends())
    expect(await days.count('log')).to.be.below(logs * 0.55)
    // Nothing is left to do, and nothing changes.
    const names = (await listDataFiles(days.table.store)).map(({ name }) => name)
    await days.serve()
    expect((await listDataFiles(days.table.store)).map(({ name }) => name)).to.deep.equal(names)
  })

  it('takes the commits off the timeline whose logs were merged, as the table lives on', async () => {
    for (let day = 0; day < 4; day++) {
      await days.serve()
      await days.live(1)
    }
    await days.serve()
    await days.expectStates(days.ends())
    const perDay = Map.groupBy(await loadTimeline(days.table.store, 2), ({ instant }) => instant.slice(0, 8))
    const lengths = [...perDay.values()].map(({ length }) => length)
    expect(Math.max(...lengths.slice(1, 6))).to.be.at.most(4)
  })

  it('finds the changes of a day in the commit that is left of it', async () => {
    await days.serve()
    days.table.clock.nowAtMs += 2 * hourMs
    await days.serve()
    const times = [...days.states.keys()]
    const [, from, to] = days.ends() as [string, string, string]
    const changed = times.flatMap((time, at) => (time > from && time <= to ? [at] : []))
    const rows = await days.changesOf(from, to)
    const writtenAt = rows.map(row => Number(/(?:note|hot) (\d+)/.exec(row)?.[1]))
    expect(new Set(writtenAt)).to.include(changed.at(-1))
    expect(changed).to.include.members(writtenAt)
  })

  it('loses nothing when it dies at any request', async () => {
    for (let dies = 0, died = true; died; dies += 17) {
      const copy = await days.copy()
      const failing = new HookedStore(copy.table.store)
      failing.before = () => {
        if (failing.requests > dies) throw new Error('died')
      }
      died = await copy.serve(failing).then(
        () => false,
        () => true,
      )
      await copy.expectStates(days.ends())
      copy.table.clock.nowAtMs += 2 * hourMs
      await copy.serve()
      await copy.expectStates(days.ends())
    }
  })
})
