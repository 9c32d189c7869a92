// Decides which page ranges are to be read in which exported snapshot, and keeps the snapshots open while they
// are. A snapshot lives as long as the process that took it: what it left unread is read on in a new one.
//
// Rows of a range read on later carry the later consistent point as their sequence, while the log of the table
// is read from the first one. For a table with a key that converges: what changed in between comes again from
// the log and is the same or newer. It does not where the log tells a row only in part (unchanged TOAST), nor
// where pages were shuffled (another file node): such a table starts over, under new split ids. A table without
// a key would get rows twice: it is refused.
//
// A table that is read again (a resync) keeps the rows it has until each is replaced, and what was not replaced goes in
// the end, in a sweep. Its ranges are never read on in another snapshot: rows that moved in between into pages read
// before would be swept away, to come back only from the log.
import { PositionLostError } from '#common/errors.ts'
import type { Clock } from '#common/clock.ts'
import type { Position } from '#catalog/position.ts'
import type { SourceTable, Split } from '../connector.ts'
import { ExportedSnapshot } from './exported-snapshot.ts'
import { formatLsn } from './lsn.ts'
import type { PageRange } from './position.ts'
import {
  dueSweep,
  formatSnapshotPosition,
  isSnapshotSplit,
  logSplitId,
  parseSnapshotPosition,
  snapshotSplitId,
  sweepSplitId,
  sweptBefore,
} from './position.ts'
import type { Relation } from './relation.ts'
import type { ServerAccess, Session } from './session.ts'
import type { Leaf, PlannedRange } from './snapshot-plan.ts'
import { cutRanges, pageBytes, readLeaves } from './snapshot-plan.ts'

/** What a lane must know of a snapshot split besides its position; null: the range is given up, there is nothing to read. */
export type SnapshotDetail = { snapshot: string; consistentPoint: string } | null

export interface JobTable {
  source: SourceTable
  relation: Relation
}

export interface SnapshotPlan {
  splits: Split[]
  initialPositions: Map<string, Map<string, Position>>
  /** Tables to be read that wait until the snapshot that is open has been read. */
  postponed: string[]
}

/** What there is to read, as the server has it now. */
export interface UnreadTables {
  tables: readonly Unread[]
  sweeps: readonly Split[]
  serverVersion: number
}

export interface SnapshotOptions {
  access: ServerAccess
  rangeBytes: number
  /** Connections are limited: a second snapshot is taken when the first one is closed. */
  oneAtATime: boolean
  clock: Clock
}

interface LiveSnapshot {
  exported: ExportedSnapshot
  splits: Map<string, Split>
}

/** A table with something to read. */
interface Unread extends JobTable {
  leaves: readonly Leaf[]
  /** Ranges begun and not done; none for a table that was never read. */
  open: ReadonlyMap<string, PageRange>
}

export class Snapshots {
  readonly #options: SnapshotOptions
  #live: LiveSnapshot[] = []

  constructor(options: SnapshotOptions) {
    this.#options = options
  }

  /** Looks which tables are not read to the end yet. */
  async look(session: Session, jobTables: readonly JobTable[]): Promise<UnreadTables> {
    const tables: Unread[] = []
    const sweeps: Split[] = []
    for (const table of jobTables) {
      const open = openRanges(table.source)
      if (table.source.mode === 'stream') continue
      if (open.size === 0 && table.source.positions.size > 0) {
        if (isSweepDue(table.source)) sweeps.push(sweepOf(table.source))
        continue
      }
      tables.push({ ...table, open, leaves: await readLeaves(session, table.relation) })
    }
    return { tables, sweeps, serverVersion: tables.length === 0 ? 0 : await serverVersion(session) }
  }

  /** Splits of all these tables. @throws PositionLostError PG_SNAPSHOT_INTERRUPTED */
  async plan({ tables, sweeps, serverVersion }: UnreadTables, signal: AbortSignal): Promise<SnapshotPlan> {
    await this.#release(new Set(tables.flatMap(table => [...table.open.keys()])))
    const plan: SnapshotPlan = { splits: [...sweeps], initialPositions: new Map(), postponed: [] }
    const expired: Unread[] = []
    for (const table of tables) {
      const live = this.#liveSplits(table)
      if (live) plan.splits.push(...live)
      else expired.push(table)
    }
    if (expired.length === 0) return plan
    if (this.#options.oneAtATime && this.#live.length > 0)
      plan.postponed.push(...expired.map(({ source }) => source.name))
    else await this.#readOn(expired, plan, serverVersion, signal)
    return plan
  }

  async close(): Promise<void> {
    await Promise.all(this.#live.map(({ exported }) => exported.close()))
    this.#live = []
  }

  /** Closes snapshots of which no range is left to read, and forgets those whose connection is gone. */
  async #release(open: ReadonlySet<string>): Promise<void> {
    const kept: LiveSnapshot[] = []
    for (const live of this.#live)
      if ([...live.splits.keys()].some(id => open.has(id)) && (await live.exported.isAlive())) kept.push(live)
      else await live.exported.close()
    this.#live = kept
  }

  /** The splits of a table as they were planned, if their snapshot is open and shows the pages they are made of. */
  #liveSplits({ open, leaves }: Unread): Split[] | null {
    if (open.size === 0 || ![...open.values()].every(range => leafOf(range, leaves))) return null
    const live = this.#live.findLast(({ splits }) => [...open.keys()].every(id => splits.has(id)))
    return live ? [...open.keys()].map(id => live.splits.get(id)!) : null
  }

  /** Takes a new snapshot for these tables: the unread ranges go on in it, or the table begins in it. */
  async #readOn(
    tables: readonly Unread[],
    plan: SnapshotPlan,
    version: number,
    signal: AbortSignal,
  ): Promise<void> {
    requireKeys(tables)
    const { access, clock, rangeBytes } = this.#options
    const forStream = tables.some(({ source }) => source.mode !== 'snapshot')
    const exported = await ExportedSnapshot.take(access, forStream, temporarySlot(clock), signal)
    const live: LiveSnapshot = { exported, splits: new Map() }
    this.#live.push(live)
    const { name: snapshot, consistentPoint } = exported
    const detail: SnapshotDetail = { snapshot, consistentPoint: formatLsn(consistentPoint) }
    for (const table of tables) {
      const readsOn = canReadOn(table)
      for (const [id, range] of table.open)
        live.splits.set(id, splitOf(id, table, range, readsOn ? detail : null))
      if (readsOn) continue
      const ranges = beginRanges(
        table,
        cutRanges(table.leaves, rangeBytes, version >= 140_000),
        consistentPoint,
      )
      const positions = new Map<string, Position>()
      if (table.open.size === 0) {
        positions.set(logSplitId, formatLsn(consistentPoint))
        if (table.source.replaces === true)
          positions.set(sweepSplitId(table.source.name), dueSweep(consistentPoint))
      }
      for (const [id, range] of ranges) {
        positions.set(id, formatSnapshotPosition(range))
        live.splits.set(id, splitOf(id, table, range, detail))
      }
      plan.initialPositions.set(table.source.name, positions)
    }
    plan.splits.push(...live.splits.values())
  }
}

/** Ranges of a table whose reading begins, or begins anew, by split. */
function beginRanges(
  { source, open }: Unread,
  ranges: readonly PlannedRange[],
  consistentPoint: bigint,
): Map<string, PageRange> {
  const restartedAt = open.size > 0 ? consistentPoint : null
  return new Map(
    ranges.map(({ leaf, next, end }, index) => [
      snapshotSplitId(source.name, index, restartedAt),
      { relation: leaf.relation, fileNode: leaf.fileNode, next, end, consistentPoint },
    ]),
  )
}

function splitOf(id: string, table: Unread, range: PageRange, detail: SnapshotDetail): Split {
  return {
    id,
    tables: [table.source.name],
    bounded: true,
    stage: 0,
    weight: detail === null ? 1 : weightOf(range, table.leaves),
    detail: JSON.stringify(detail),
  }
}

function isSweepDue({ name, positions }: SourceTable): boolean {
  const position = positions.get(sweepSplitId(name))
  return position !== undefined && sweptBefore(position) !== null
}

function sweepOf({ name }: SourceTable): Split {
  return { id: sweepSplitId(name), tables: [name], bounded: true, stage: 0, weight: 1 }
}

function requireKeys(tables: readonly Unread[]): void {
  const interrupted = tables.find(({ source, open }) => open.size > 0 && source.schema.key.length === 0)
  if (!interrupted) return
  const table = interrupted.source.name
  throw new PositionLostError(`The snapshot of ${table} was interrupted, and without a key it cannot go on`, {
    code: 'PG_SNAPSHOT_INTERRUPTED',
    context: { table },
  })
}

function openRanges(table: SourceTable): Map<string, PageRange> {
  const open = new Map<string, PageRange>()
  for (const [id, text] of table.positions) {
    if (!isSnapshotSplit(id)) continue
    const position = parseSnapshotPosition(text)
    if (!('done' in position)) open.set(id, position)
  }
  return open
}

function canReadOn({ source, open, leaves }: Unread): boolean {
  if (open.size === 0 || isSweepDue(source)) return false
  return [...open.values()].every(range => leafOf(range, leaves)?.hasToast === false)
}

/** The leaf a range is made of, if it still has the same pages. */
function leafOf(range: PageRange, leaves: readonly Leaf[]): Leaf | undefined {
  return leaves.find(leaf => leaf.relation === range.relation && leaf.fileNode === range.fileNode)
}

/** Mebibytes to read, at least 1. */
function weightOf(range: PageRange, leaves: readonly Leaf[]): number {
  const end = range.end ?? leafOf(range, leaves)?.pages ?? range.next
  return Math.max(1, Math.round(((end - range.next) * pageBytes) / 1024 ** 2))
}

function temporarySlot(clock: Clock): string {
  return `sluice_snapshot_${clock.uuid().replaceAll('-', '')}`
}

async function serverVersion(session: Session): Promise<number> {
  const [row] = await session.query<{ version: number }>(
    "SELECT current_setting('server_version_num')::int AS version",
  )
  return row!.version
}
