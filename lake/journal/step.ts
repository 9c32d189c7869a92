// A step a writer wants to take, whether the table still lets it, and the entry it becomes.
import type { EntryKind, FileGroupUse, HashedEntry, JournalEntry } from './entry.ts'
import { movePositions } from './entry.ts'
import { journalSeqKey } from './foreign-commit.ts'
import { positionsKey } from './stored-checkpoint.ts'
import type { Placement } from './placement.ts'
import type { TableState } from './table-state.ts'
import type { PositionMove } from '#catalog/position.ts'
import type { TableSchema } from '#catalog/types.ts'
import type { ErrorContext } from '#common/errors.ts'
import { ConflictError, FencedError } from '#common/errors.ts'
import type { CommitMetadata } from '#lake/timeline/commit-metadata.ts'
import { encodeCommitMetadata } from '#lake/timeline/commit-metadata.ts'
import type { CommitAction, TimelineLayout } from '#lake/timeline/instant-file.ts'
import type { InstantTime } from '#lake/timeline/instant.ts'
import {
  firstInstant,
  formatInstant,
  instantAfter,
  laterInstant,
  parseInstant,
} from '#lake/timeline/instant.ts'

export interface Step {
  kind: EntryKind
  /** By Journal.nextInstant(): what the files were staged under, or what a schedule fixes; else null. */
  instant: InstantTime | null
  /** Null when no file is made visible. */
  action: CommitAction | null
  metadata: CommitMetadata | null
  moves: readonly PositionMove[]
  /** File groups the step writes to; empty when all its files are in groups of their own (append tables). */
  fileGroups: FileGroupUse
  /** Files that are kept aside until the step is taken. */
  placements?: readonly Placement[]
  /** TableState.seq and .schemaVersion when staging began, that is, when the instant was taken. */
  stagedAt: number
  schemaVersion: number
  /** The table's columns from now on; only of kind `schema`. */
  schema?: TableSchema
}

export interface StepResult {
  seq: number
  /** Null when no file was made visible. */
  completionTime: InstantTime | null
}

/** A step that leaves the table as it is, staged as the given one. */
export function stepOfNothing({ stagedAt, schemaVersion }: Step): Step {
  const empty = { instant: null, action: null, metadata: null, moves: [], fileGroups: {} }
  return { ...empty, kind: 'advance', stagedAt, schemaVersion }
}

/**
 * @throws FencedError WRITER_FENCED when a split does not stand where its move starts
 */
export function checkPositions(state: TableState, moves: readonly PositionMove[]): void {
  for (const { split, from } of moves) {
    const stored = state.positions.get(split) ?? null
    if (stored !== from)
      throw new FencedError(`Split ${split} stands at ${stored}, not at ${from}: another writer moved it`, {
        code: 'WRITER_FENCED',
        context: { split, stored, from },
      })
  }
}

/** @throws ConflictError COMMIT_CONFLICT when the step was staged against columns or a time that are gone */
export function checkStaged(state: TableState, step: Pick<Step, 'instant' | 'schemaVersion'>): void {
  if (step.schemaVersion !== state.schemaVersion)
    throw conflict(`Staged with schema version ${step.schemaVersion}, the table has ${state.schemaVersion}`, {
      staged: step.schemaVersion,
      table: state.schemaVersion,
    })
  if (step.instant !== null && step.instant < state.instantFloor)
    throw conflict(`Staged at ${step.instant}, too long ago to be committed`, {
      instant: step.instant,
      floor: state.instantFloor,
    })
}

export function conflict(message: string, context: ErrorContext): ConflictError {
  return new ConflictError(message, { code: 'COMMIT_CONFLICT', context })
}

/**
 * Layout 1 keeps no completion times: an incremental reader goes on from the latest instant it saw, and misses rows
 * of an earlier one that completes afterwards. So rows are committed in the order of their instants, and of several
 * writers all but the first to commit stage again.
 * @throws ConflictError COMMIT_CONFLICT
 */
export function checkOrder(state: TableState, { kind, instant }: Step): void {
  if (kind !== 'commit' || instant === null || instant > state.lastInstant) return
  throw new ConflictError(`Staged at ${instant}, and the table has rows of ${state.lastInstant} already`, {
    code: 'COMMIT_CONFLICT',
    context: { instant, newest: state.lastInstant },
  })
}

export interface EntryContext {
  head: HashedEntry
  state: TableState
  writer: string
  layout: TimelineLayout
  nowMs: number
  /** Staged work older than this may no longer be committed. */
  stagedAgeMsMax: number
  /** Id of the schema file when the step has a schema. */
  schemaId: string | null
}

/** The entry that takes the step on top of the head. Pure. */
export function entryOf(step: Step, context: EntryContext): JournalEntry {
  const { head, state, nowMs } = context
  const seq = head.entry.seq + 1
  const positions = Object.fromEntries(movePositions(state.positions, step.moves))
  const instant = entryInstant(step, context, {
    [journalSeqKey]: String(seq),
    [positionsKey]: JSON.stringify(positions),
  })
  const lastInstant = laterInstant(state.lastInstant, step.instant ?? firstInstant)
  const floor = formatInstant(Math.max(0, parseInstant(lastInstant) - context.stagedAgeMsMax))
  return {
    seq,
    kind: step.kind,
    writer: context.writer,
    predecessor: head.hash,
    writtenAtMs: nowMs,
    instant,
    fileGroups: step.fileGroups,
    ...(step.placements && step.placements.length > 0 ? { placements: step.placements } : {}),
    positions,
    schemaVersion: state.schemaVersion + (context.schemaId === null ? 0 : 1),
    schemaId: context.schemaId ?? state.schemaId,
    lastInstant,
    lastCompletionTime: instant?.completionTime ?? state.lastCompletionTime,
    instantFloor: laterInstant(state.instantFloor, floor),
  }
}

function entryInstant(
  step: Step,
  { state, nowMs, layout }: EntryContext,
  extra: Readonly<Record<string, string>>,
): JournalEntry['instant'] {
  const { instant: time, action, metadata } = step
  if (time === null || action === null || metadata === null) return null
  // Later than every instant before it too: a log that completes after a compaction was scheduled belongs to the
  // slice the compaction begins.
  const known = laterInstant(state.lastCompletionTime, state.lastInstant)
  const completionTime = instantAfter(laterInstant(known, time), nowMs)
  const withPositions = { ...metadata, extraMetadata: { ...metadata.extraMetadata, ...extra } }
  const body = Buffer.from(encodeCommitMetadata(withPositions, action, layout)).toString('base64')
  return { time, action, completionTime, body }
}
