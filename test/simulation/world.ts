// Everything one schedule needs: time, the true store, how bad the network is, what the source holds.
import type { Invariants } from './invariants.ts'
import type { Scheduler } from './scheduler.ts'
import type { Weather } from './unreliable-store.ts'
import type { Retention } from '#lake/journal/trim.ts'
import type { Journal, JournalOptions } from '#lake/journal/journal.ts'
import type { ObjectStore } from '#lake/storage/object-store.ts'
import type { MemoryStore } from '#lake/storage/memory.ts'
import type { TableDefinition } from '#lake/table/definition.ts'

/**
 * How writers lay rows out: `append`: files of their own; `merge`: file groups that all share, base files, logs
 * and compaction (merge on read); `rewrite`: file groups that all share, rewritten by each commit (copy on write).
 */
export type Style = 'append' | 'merge' | 'rewrite'

export interface World {
  scheduler: Scheduler
  /** What is really stored; only checks look at it. */
  objects: Map<string, Uint8Array>
  truth: MemoryStore
  invariants: Invariants
  weather: Weather
  trace: ((line: string) => void) | null
  style: Style
  definition: TableDefinition
  retention: Retention
  /** Split -> number of its rows: `split:0`, `split:1` … An `idle/` split has positions and no rows. */
  ends: ReadonlyMap<string, number>
  openJournal: OpenJournal
  /** What went wrong that may never go wrong. */
  failures: unknown[]
}

/** Journal.open, or that of a journal with a part taken out. */
export type OpenJournal = (store: ObjectStore, options: JournalOptions) => Promise<Journal>

export function rowNames(split: string, from: number, to: number): string[] {
  return Array.from({ length: to - from }, (_, i) => `${split}:${from + i}`)
}
