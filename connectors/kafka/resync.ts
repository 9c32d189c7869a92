// Which topics can be read again into the table they went to.
import { ConfigError } from '#common/errors.ts'
import type { SourceTable } from '#connectors/connector.ts'
import { parseSplitId } from './position.ts'

/** @throws ConfigError RESYNC_UNSUPPORTED */
export function requireResyncable({ name, mode, schema, start, positions }: SourceTable): void {
  if (schema.key.length > 0)
    throw unsupported(
      name,
      'its rows are ordered by their time, so those that are read again would not win: sync it to a new table of the target',
    )
  if (mode === 'stream' && start === 'latest')
    throw unsupported(name, '`start` of the job is latest, so nothing of what is there would be read')
  const beside = [...positions.keys()].find(id => parseSplitId(id).topic !== name)
  if (beside !== undefined)
    throw unsupported(
      name,
      `another source writes to its table, too (${beside}), whose rows would go with it`,
    )
}

function unsupported(topic: string, why: string): ConfigError {
  return new ConfigError(`${topic} cannot be read again: ${why}`, {
    code: 'RESYNC_UNSUPPORTED',
    context: { table: topic },
  })
}
