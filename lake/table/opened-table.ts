// What belongs to a table that is open for writing.
import type { DuplicatePolicy } from './duplicates.ts'
import type { EvolutionPolicy } from './evolve.ts'
import type { TableDefinition } from './definition.ts'
import type { Clock } from '#common/clock.ts'
import type { Turns } from '#common/turns.ts'
import type { Journal } from '#lake/journal/journal.ts'
import type { TableServices } from '#lake/services/table-services.ts'
import type { UrgentWork } from '#lake/services/urgent-work.ts'
import type { ObjectStore } from '#lake/storage/object-store.ts'

export interface OpenedTable {
  store: ObjectStore
  definition: TableDefinition
  journal: Journal
  clock: Clock
  policy: EvolutionPolicy
  services: Pick<TableServices, 'run'>
  /** What may be remembered of where keys are, in a table whose rows may move between partitions. */
  keyIndexBytes: number
  /** Of an append table: which rows it has already; null: every row is kept. */
  dropDuplicates: DuplicatePolicy | null
  urgent: UrgentWork
  /** In table version 6: shared with the services. */
  turns?: Turns
  /** Ends what the journal may be waiting for. */
  closing: AbortController
}
