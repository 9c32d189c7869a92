// Reads a job's splits the way a worker does: plan, snapshot splits to their end, then the log.
import type { ReadLimits, Source, SourceChunk, Split } from '#connectors/connector.ts'
import type { Job } from './bed.ts'
import { limits as usualLimits, never } from './bed.ts'
import type { Replica } from './rows.ts'

/** Plans and reads every snapshot split to its end; returns the log split. */
export async function readAllSnapshots(job: Job, source: Source, replica: Replica): Promise<Split> {
  const splits = await job.plan(source)
  for (const split of splits.filter(({ bounded }) => bounded)) await readSplit(job, source, split, replica)
  return splits.find(({ bounded }) => !bounded)!
}

/** Reads a bounded split to its end, or until enough chunks were taken. */
export async function readSplit(
  job: Job,
  source: Source,
  split: Split,
  replica: Replica,
  options: { limits?: ReadLimits; chunksMax?: number } = {},
): Promise<SourceChunk[]> {
  const chunks: SourceChunk[] = []
  const tables = (await job.tables(source)).filter(({ name }) => split.tables.includes(name))
  for await (const chunk of source.read(split, tables, options.limits ?? usualLimits, never)) {
    replica.apply(chunk)
    job.commitChunk(split, chunk)
    chunks.push(chunk)
    if (chunks.length === options.chunksMax) break
  }
  return chunks
}

/** Streams until everything the server has written by now has come, and acknowledges it. */
export async function streamUntilCaughtUp(
  job: Job,
  source: Source,
  log: Split,
  replica: Replica,
  limits: ReadLimits = usualLimits,
): Promise<SourceChunk[]> {
  const lsn = await markLog(job)
  const chunks: SourceChunk[] = []
  const tables = (await job.tables(source)).filter(({ name }) => log.tables.includes(name))
  for await (const chunk of source.read(log, tables, limits, never)) {
    replica.apply(chunk)
    job.commitChunk(log, chunk)
    chunks.push(chunk)
    if (chunk.position === null) continue
    await source.acknowledge(log, chunk.position)
    if (source.compare(chunk.position, lsn) >= 0) break
  }
  return chunks
}

/**
 * Writes a mark into the log that no table sees, and says where it is: everything committed before comes before.
 * The end of the log would not do: it may lie in a record that is not yet written out whole.
 */
export async function markLog(job: Job): Promise<string> {
  const { rows } = await job.sql(`SELECT pg_logical_emit_message(true, 'test', 'mark')::text AS lsn`)
  return (rows[0] as { lsn: string }).lsn
}
