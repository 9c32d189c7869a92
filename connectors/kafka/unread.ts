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
  const behind: string[] = []
  for (const { topic, partition, offset: latest } of ends) {
    const id = splitId(topic, partition)
    const held = positions.get(topic)?.get(id)
    if (held === undefined) return `Nothing of partition ${id} has been read yet.`
    const { offset, end } = parsePosition(held)
    const waiting = (end ?? latest) - offset
    // A topic that was made anew, perhaps: whoever reads on says what is wrong.
    if (end === null && waiting < 0)
      return `Partition ${id} ends at ${latest}, before the position ${offset}.`
    if (waiting > 0) behind.push(id)
    records += Math.max(0, waiting)
  }
  if (behind.length === 0) return null
  const others = behind.length > 1 ? ` and ${behind.length - 1} more` : ''
  return `${records} ${records === 1 ? 'record waits' : 'records wait'} to be read in ${behind[0]}${others}.`
}
