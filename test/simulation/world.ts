// Everything one schedule needs: time, the true store, how bad the network is, what the source holds.
import type { Process } from './process.ts'
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
  checks: Checks
  /** Works on splits until they are at their end (true), or it has to stop before (false). */
  runLane: (world: World, process: Process, store: ObjectStore, splits: readonly string[]) => Promise<boolean>
  /** Merges logs of shared file groups while lanes write, a few times; null where there are none. */
  runCompactor: ((world: World, process: Process, store: ObjectStore) => Promise<void>) | null
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

/** What looks after the promises. */
export interface Checks {
  /** Called after every change of the store. */
  check(): void
  /** Called when the source is told. */
  checkAcknowledged(split: string, position: string): void
  /** Called when all has come to its end. */
  checkComplete(ends: ReadonlyMap<string, number>): void | Promise<void>
}

/** Journal.open, or that of a journal with a part taken out. */
export type OpenJournal = (store: ObjectStore, options: JournalOptions) => Promise<Journal>

export function rowNames(split: string, from: number, to: number): string[] {
  return Array.from({ length: to - from }, (_, i) => `${split}:${from + i}`)
}
