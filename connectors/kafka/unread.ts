// Whether topics have records that the target does not: their partitions' ends, held against the positions.
import type { SourceTable } from '#connectors/connector.ts'
import type { PartitionOffset } from './client.ts'
import { parsePosition, splitId } from './position.ts'

/** What there is to read, as a sentence; null: nothing. @param ends of all partitions of these topics */
export function unreadRecords(
  tables: readonly SourceTable[],
  ends: readonly PartitionOffset[],
): string | null {
  const positions = new Map(tables.map(table => [table.name, table.positions]))
  let records = 0
  let first: string | null = null
  for (const { topic, partition, offset: latest } of ends) {
    const id = splitId(topic, partition)
    const held = positions.get(topic)?.get(id)
    if (held === undefined) return `Nothing of partition ${id} has been read yet.`
    const { offset, end } = parsePosition(held)
    const waiting = (end ?? latest) - offset
    // A topic that was made anew, perhaps: whoever reads on says what is wrong.
    if (end === null && waiting < 0)
      return `Partition ${id} ends at ${latest}, before the position ${offset}.`
    if (waiting > 0) first ??= id
    records += Math.max(0, waiting)
  }
  return first === null ? null : `${records} records wait to be read, in ${first} among others.`
}
