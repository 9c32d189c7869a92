// Names of what a job makes at the server. Slots are unique per server and at most 63 bytes; the hash keeps
// two jobs apart whose names become the same.
import { createHash } from 'node:crypto'
import type { PostgresSpec } from './spec.ts'

export interface ServerNames {
  slot: string
  publication: string
}

export function serverNames(
  job: string,
  spec: Pick<PostgresSpec, 'slotName' | 'publicationName'>,
): ServerNames {
  const derived = derivedName(job)
  return { slot: spec.slotName ?? derived, publication: spec.publicationName ?? derived }
}

function derivedName(job: string): string {
  const hash = createHash('sha256').update(job).digest('hex').slice(0, 8)
  const readable = job
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, '_')
    .slice(0, 63 - 'sluice__'.length - hash.length)
  return `sluice_${readable}_${hash}`
}

/** An identifier in SQL text. */
export function quoteName(name: string): string {
  return `"${name.replaceAll('"', '""')}"`
}

/** A literal in SQL text, for the commands that take no parameters. */
export function quoteText(text: string): string {
  return text.includes('\\')
    ? ` E'${text.replaceAll('\\', '\\\\').replaceAll("'", "''")}'`
    : `'${text.replaceAll("'", "''")}'`
}
