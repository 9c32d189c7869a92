// How a writer deals with the partitions of a keyed table.
import type { TableDefinition } from './definition.ts'
import { KeyLocations } from './key-locations.ts'
import type { PartitionRule } from '#lake/partition/partition-rule.ts'
import { keyNamesPartition } from '#lake/partition/partition-rule.ts'
import { PartitionNumbers } from '#lake/partition/partition-values.ts'

/**
 * How the partition that has a key is found.
 * - `key`: the key says it.
 * - `lookUp`: the key has one row in the table, in whichever partition; known by `locations`.
 * - `row`: the key has a row in each partition, and a change says which it is for.
 */
export type Partitioning = { rules: readonly PartitionRule[]; numbers: PartitionNumbers } & (
  | { by: 'key' | 'row' }
  | { by: 'lookUp'; locations: KeyLocations }
)

/** @param bytesMax what may be remembered of where keys are */
export function partitioningOf(definition: TableDefinition, bytesMax: number): Partitioning | null {
  const { partitionBy: rules = [], keyScope, schema } = definition
  if (rules.length === 0) return null
  const numbers = new PartitionNumbers()
  if (keyNamesPartition(rules, schema.key)) return { rules, numbers, by: 'key' }
  if (keyScope === 'partition') return { rules, numbers, by: 'row' }
  return { rules, numbers, by: 'lookUp', locations: new KeyLocations(numbers, bytesMax) }
}
