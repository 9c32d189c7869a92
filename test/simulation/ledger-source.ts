// A database of one table as a source that works as PostgreSQL's connector does: ranges of a snapshot that lives as long
// as its process, a sweep where rows of an earlier reading are replaced, then the log. Its positions are the connector's.
import type { SourceChunk, SourcePlan, SourceTable, Split } from '#connectors/connector.ts'
import { formatLsn, parseLsn } from '#connectors/postgres/lsn.ts'
import {
  dueSweep,
  formatSnapshotPosition,
  isSnapshotSplit,
  isSweepSplit,
  logSplitId,
  parseSnapshotPosition,
  snapshotSplitId,
  sweepSplitId,
  sweptBefore,
} from '#connectors/postgres/position.ts'
import { sweepChunk } from '#connectors/postgres/resync.ts'
import type { PositionMove } from '#catalog/position.ts'
import type { TableSchema } from '#catalog/types.ts'
import type { PlanSource } from '#worker/table-plan.ts'
import type { RowChange } from '../lake/table/vectors.ts'
import { batchOf } from '../lake/table/vectors.ts'

export const ledgerSchema: TableSchema = {
  columns: [
    { name: 'id', type: { kind: 'int32' }, nullable: false },
    { name: 'note', type: { kind: 'string' }, nullable: true },
  ],
  key: ['id'],
}

const ranges = 2

/** The database: it outlives the processes that read it. */
export class Ledger {
  readonly rows = new Map<number, string>()
  readonly #log: RowChange[] = []
  #lsn = 8n

  /** With a word in the log, or without one: then nobody who follows it hears of it. */
  change(id: number, note: string | null, isLogged: boolean): void {
    this.#lsn += 8n
    if (note === null) this.rows.delete(id)
    else this.rows.set(id, note)
    const seq = this.#lsn
    if (!isLogged) return
    this.#log.push(
      note === null
        ? { op: 'delete', seq, row: { id, note: null } }
        : { op: 'update', seq, row: { id, note } },
    )
  }

  point(): bigint {
    return (this.#lsn += 8n)
  }

  since(lsn: bigint): RowChange[] {
    return this.#log.filter(({ seq }) => BigInt(seq) >= lsn)
  }
}

export class LedgerSource implements PlanSource {
  readonly #ledger: Ledger
  readonly #views = new Map<string, ReadonlyMap<number, string>>()
  /** Runs when a snapshot was taken: what happens from now on is in the log only. */
  onSnapshot: () => void = () => undefined

  constructor(ledger: Ledger) {
    this.#ledger = ledger
  }

  discover(): Promise<
    { name: string; schema: TableSchema; estimatedRows: number; estimatedBytes: number }[]
  > {
    return Promise.resolve([{ name: 't', schema: ledgerSchema, estimatedRows: 0, estimatedBytes: 0 }])
  }

  checkResync(): Promise<void> {
    return Promise.resolve()
  }

  plan([table]: readonly SourceTable[]): Promise<SourcePlan> {
    const { name, positions, replaces } = table!
    const open = [...positions].filter(([id, at]) => isSnapshotSplit(id) && !at.startsWith('done'))
    const log: Split = { id: logSplitId, tables: [name], bounded: false, stage: 1, weight: 1 }
    const bounded = (id: string): Split => ({ id, tables: [name], bounded: true, stage: 0, weight: 1 })
    if (positions.size > 0 && open.length === 0) {
      const due = positions.get(sweepSplitId(name))
      const sweeps = due !== undefined && sweptBefore(due) !== null ? [bounded(sweepSplitId(name))] : []
      return Promise.resolve({ splits: [...sweeps, log], initialPositions: new Map() })
    }
    if (open.length > 0 && open.every(([id]) => this.#views.has(id)))
      return Promise.resolve({
        splits: [...open.map(([id]) => bounded(id)), log],
        initialPositions: new Map(),
      })
    return Promise.resolve(
      this.#begin(name, { open: open.map(([id]) => id), replaces: replaces === true, log, bounded }),
    )
  }

  *read(split: Split, table: SourceTable): Generator<SourceChunk> {
    const { name, positions } = table
    const caughtUp = { newestAtMs: null, caughtUp: true }
    if (isSweepSplit(split.id)) yield* sweepChunk(split, table)
    else if (isSnapshotSplit(split.id)) {
      const { consistentPoint } = parseSnapshotPosition(positions.get(split.id)!)
      const number = Number(split.id.slice(split.id.lastIndexOf('/') + 1))
      const rows = [...(this.#views.get(split.id) ?? [])].filter(([id]) => id % ranges === number)
      const changes = rows.map(([id, note]): RowChange => ({ seq: consistentPoint - 1n, row: { id, note } }))
      const position = formatSnapshotPosition({ done: true, consistentPoint })
      yield { changes: changesOf(name, changes), position, ...caughtUp }
    } else {
      const changes = this.#ledger.since(parseLsn(positions.get(logSplitId)!))
      const position = formatLsn(this.#ledger.point())
      yield { changes: changesOf(name, changes), position, ...caughtUp }
    }
  }

  #begin(
    name: string,
    at: { open: string[]; replaces: boolean; log: Split; bounded: (id: string) => Split },
  ): SourcePlan {
    const point = this.#ledger.point()
    const view = new Map(this.#ledger.rows)
    this.onSnapshot()
    const anew = Array.from({ length: ranges }, (_, index) =>
      snapshotSplitId(name, index, at.open.length > 0 ? point : null),
    )
    const positions = new Map<string, string>()
    if (at.open.length === 0) positions.set(logSplitId, formatLsn(point))
    if (at.open.length === 0 && at.replaces) positions.set(sweepSplitId(name), dueSweep(point))
    for (const id of anew) {
      this.#views.set(id, view)
      positions.set(
        id,
        formatSnapshotPosition({ relation: 1, fileNode: 1, next: 0, end: null, consistentPoint: point }),
      )
    }
    return {
      splits: [...[...at.open, ...anew].map(at.bounded), at.log],
      initialPositions: new Map([[name, positions]]),
    }
  }
}

function changesOf(table: string, changes: readonly RowChange[]): SourceChunk['changes'] {
  return changes.length === 0 ? [] : [{ table, truncate: null, batch: batchOf(ledgerSchema, changes) }]
}

/** The step a chunk's position makes. */
export function moveOf({ id }: Split, positions: ReadonlyMap<string, string>, to: string): PositionMove {
  return { split: id, from: positions.get(id) ?? null, to }
}
