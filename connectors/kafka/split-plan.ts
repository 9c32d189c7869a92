// Which partitions a table is read from, and where reading begins: pure, from what the brokers told.
import type { SourceTable, Split } from '#connectors/connector.ts'
import type { Position } from '#catalog/position.ts'
import { offsetLost } from './offset-lost.ts'
import { formatPosition, parsePosition, splitId } from './position.ts'

/** A partition as the brokers describe it. */
export interface PartitionOffsets {
  partition: number
  /** First offset still there. */
  earliest: number
  /** Behind the last committed record. */
  latest: number
  /** Where a stream from `start` begins. */
  start: number
}

export interface TablePlan {
  splits: Split[]
  initialPositions: Map<string, Position>
}

/**
 * One split per partition. A table without positions begins as its mode says; a partition that is new to a known
 * table begins at its first record, whatever the mode's start, since all of it came after.
 * @throws PositionLostError KAFKA_OFFSET_LOST when a stored offset is no longer in the partition
 */
export function planTable(table: SourceTable, partitions: readonly PartitionOffsets[]): TablePlan {
  const plan: TablePlan = { splits: [], initialPositions: new Map() }
  const bounded = table.mode === 'snapshot'
  for (const at of partitions) {
    const id = splitId(table.name, at.partition)
    const stored = table.positions.get(id)
    // A snapshot is of the partitions there were when it began.
    if (stored === undefined && bounded && table.positions.size > 0) continue
    const position = stored ?? firstPosition(table, at)
    if (stored === undefined) plan.initialPositions.set(id, position)
    else checkPosition(table.name, at, stored)
    const { offset, end } = parsePosition(position)
    if (end !== null && offset >= end) continue
    plan.splits.push({ id, tables: [table.name], bounded, stage: 1, weight: 1 })
  }
  return plan
}

function firstPosition(table: SourceTable, at: PartitionOffsets): Position {
  const fresh = table.positions.size === 0
  return formatPosition({
    offset: fresh && table.mode === 'stream' ? at.start : at.earliest,
    sequence: 0n,
    end: table.mode === 'snapshot' ? at.latest : null,
  })
}

function checkPosition(topic: string, at: PartitionOffsets, stored: Position): void {
  const { offset, end } = parsePosition(stored)
  if (end !== null && offset >= end) return
  if (offset >= at.earliest && offset <= at.latest) return
  const { partition, earliest, latest } = at
  throw offsetLost({ topic, partition, offset, earliest, latest })
}
