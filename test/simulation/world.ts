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
  /** What goes on beside the lanes, each a few times and then done. */
  services: readonly Service[]
  /** Another engine that writes: beside our own processes, or in turn with them. Null: there is none. */
  foreign: { beside: RunProcess | null; inTurn: RunProcess } | null
  /** All clocks tell one time. Another engine then begins at once after us, and takes that time as it is. */
  clocksInStep: boolean
  /** Between two turns of a process, at most: so much that retention ends within the life of some worlds. */
  paceMsMax: number
  weather: Weather
  trace: ((line: string) => void) | null
  style: Style
  definition: TableDefinition
  retention: Retention
  /** Split -> number of its rows: `split:0`, `split:1` … An `idle/` split has positions and no rows. */
  ends: Map<string, number>
  openJournal: OpenJournal
  /** What went wrong that may never go wrong. */
  failures: unknown[]
}

/** States this young stay readable. Longer than any request of these worlds is under way. */
export const retentionMs: number = 8 * 3_600_000

export type RunProcess = (world: World, process: Process, store: ObjectStore) => Promise<void>

export interface Service {
  name: string
  run: RunProcess
}

/** What looks after the promises. */
export interface Checks {
  /** Called after every change of the store. */
  check(): void
  /** Called before another engine completes an instant, with its rows. */
  noteForeign(instant: string, rows: readonly string[]): void
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
