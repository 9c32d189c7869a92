// A keyed table in memory that lives for some days, with what it held at each time that can be asked for.
import { expect } from 'chai'
import type { SyncError } from '#common/errors.ts'
import { listDataFiles } from '#lake/reader/data-file.ts'
import { TableReader } from '#lake/reader/table-reader.ts'
import { advanceHistory } from '#lake/services/advance-history.ts'
import { clean } from '#lake/services/clean.ts'
import type { CleaningPolicy } from '#lake/services/clean.ts'
import { coalesceLogs } from '#lake/services/coalesce-logs.ts'
import { compactSome } from '#lake/services/compact.ts'
import type { TableWriter } from '#lake/table/table-writer.ts'
import { formatInstant } from '#lake/timeline/instant.ts'
import { canonicalJson } from '#test/bed/canonical.ts'
import { canonicalRows } from '../reader/canonical.ts'
import { HookedStore } from './hooked-store.ts'
import { eager, KeyedTable, notes } from './keyed-table.ts'

export const hourMs = 3_600_000
export const dayMs = 24 * hourMs
export const cleaning: CleaningPolicy = {
  retentionMs: 30 * dayMs,
  instantsMin: 2,
  thinning: { queryMsMax: hourMs, logShareMax: 100 },
}
const coalescing = { ageMsMin: dayMs, queryMsMax: hourMs, bytesMax: 1 << 20 }

export class Days {
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

  /** Six commits a day, of which some delete and some bring back; a compaction after every fourth, or none. */
  async live(days: number, { compacts = true } = {}): Promise<void> {
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
        if (compacts && at % 4 === 3) await compactSome(await table.services(), eager)
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

  /** Reads each range between two of these times. Returns those that were refused; all others were answered right. */
  async refusedRanges(times: readonly string[]): Promise<[from: string, to: string][]> {
    const refused: [string, string][] = []
    for (const [at, from] of times.entries())
      for (const to of times.slice(at + 1)) {
        const before = new Set(this.states.get(from))
        const expected = this.states.get(to)!.filter(row => !before.has(row))
        const found = await this.changesOf(from, to).catch((error: unknown) => {
          if ((error as SyncError).code !== 'LAKE_HISTORY_GONE') throw error
          refused.push([from, to])
        })
        if (found) expect(found.toSorted(), `from ${from} to ${to}`).to.deep.equal(expected.toSorted())
      }
    return refused
  }

  async serve(on = this.table.store, retentionMs = cleaning.retentionMs): Promise<void> {
    const context = await this.table.services(on)
    await clean(context, { ...cleaning, retentionMs })
    await coalesceLogs(context, coalescing)
    await advanceHistory(context, { retentionMs, logShareMin: 0.2, memoryBytes: 1 << 20 })
  }

  /** Whether it died, at that request. */
  async serveAndDie(dies: number, retentionMs = cleaning.retentionMs): Promise<boolean> {
    const failing = new HookedStore(this.table.store)
    failing.before = () => {
      if (failing.requests > dies) throw new Error('died')
    }
    return this.serve(failing, retentionMs).then(
      () => false,
      () => true,
    )
  }

  async count(kind: 'base' | 'log'): Promise<number> {
    return (await listDataFiles(this.table.store)).filter(file => file.kind === kind).length
  }
}
