// Topics as tables: which columns, which key, how large.
import type { DiscoveredTable } from '#connectors/connector.ts'
import type { VirtualTableSpec } from '#api/virtual-table.ts'
import { parseTypeName } from '#catalog/type-name.ts'
import type { Column, TableSchema } from '#catalog/types.ts'
import { ConfigError } from '#common/errors.ts'
import { columnOrigins } from './column-origin.ts'
import type { PartitionRange, TopicSample } from './topic-sampler.ts'

/**
 * The table of a topic; null while nothing tells its columns: none declared, and no record that is a JSON object.
 * @throws ConfigError SPEC_INVALID when the VirtualTable does not fit together
 */
export function topicTable(
  topic: { name: string; ranges: readonly PartitionRange[] },
  declared: VirtualTableSpec | undefined,
  sample: TopicSample | undefined,
): DiscoveredTable | null {
  const columns = declared?.columns?.map(declaredColumn) ?? sample?.columns ?? []
  if (columns.length === 0) return null
  const estimatedRows = topic.ranges.reduce((sum, range) => sum + range.latest - range.earliest, 0)
  return {
    name: topic.name,
    schema: keyedSchema(topic.name, columns, declared),
    ...(declared?.columns === undefined ? { sampled: true } : {}),
    estimatedRows,
    estimatedBytes: estimatedRows * (sample?.recordBytes ?? 0),
  }
}

function keyedSchema(
  topic: string,
  columns: readonly Column[],
  declared: VirtualTableSpec | undefined,
): TableSchema {
  const key = declared?.key ?? []
  const unknown = key.find(name => !columns.some(column => column.name === name))
  if (unknown !== undefined)
    throw new ConfigError(`The key of topic ${topic} names a column it does not have: ${unknown}`, {
      code: 'SPEC_INVALID',
      context: { topic, column: unknown },
    })
  columnOrigins(columns, declared)
  return {
    columns: columns.map(column => (key.includes(column.name) ? { ...column, nullable: false } : column)),
    key,
  }
}

function declaredColumn(column: NonNullable<VirtualTableSpec['columns']>[number]): Column {
  const type = parseTypeName(column.type)
  if (type === null)
    throw new ConfigError(`Column ${column.name} has no valid type: ${column.type}`, {
      code: 'SPEC_INVALID',
      context: { column: column.name },
    })
  return { name: column.name, type, nullable: column.nullable }
}
