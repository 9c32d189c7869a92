// How far the source of a table was read, as its commits say: ours carry the positions of all splits, those of Hudi
// Streamer its checkpoint. Compactions and commits of others carry neither, so one goes back to the newest that does.
import { ConfigError } from '#common/errors.ts'
import type { ObjectStore } from '#lake/storage/object-store.ts'
import { decodeCommitMetadata } from '#lake/timeline/commit-metadata.ts'
import type { InstantTime } from '#lake/timeline/instant.ts'
import { loadTimeline } from '#lake/timeline/timeline.ts'

export interface Checkpoint {
  /** `ours`: positions as JSON. `streamer`: in Hudi Streamer's form. */
  kind: 'ours' | 'streamer'
  text: string
  instant: InstantTime
  completionTime: InstantTime
}

export const positionsKey = 'sluice.positions'
/** Names since Hudi 1.0 and before (classes StreamerCheckpointV2 and V1). */
const streamerKeys = ['streamer.checkpoint.key.v2', 'deltastreamer.checkpoint.key']

/** Somebody let Hudi Streamer go on with a table that a job of ours holds the positions of. */
export function checkpointMoved(
  table: string,
  at: { instant: InstantTime; checkpoint: string | null },
): ConfigError {
  return new ConfigError(
    `Hudi Streamer wrote to ${table} at ${at.instant} and brought it to ${at.checkpoint}`,
    {
      code: 'LAKE_CHECKPOINT_MOVED',
      context: { table, instant: at.instant, checkpoint: at.checkpoint },
    },
  )
}

/** Null when the metadata of a commit names none. Our commits carry both forms, and ours is exact. */
export function checkpointText(
  extra: Readonly<Record<string, string>>,
): Pick<Checkpoint, 'kind' | 'text'> | null {
  const ours = extra[positionsKey]
  if (ours !== undefined) return { kind: 'ours', text: ours }
  const text = streamerKeys.map(key => extra[key]).find(value => value !== undefined && value !== '')
  return text === undefined ? null : { kind: 'streamer', text }
}

/** Of the commit that completed last among those on the timeline that name one. For layout 2. */
export async function newestCheckpoint(store: ObjectStore): Promise<Checkpoint | null> {
  const written = (await loadTimeline(store, 2)).filter(({ completionTime }) => completionTime !== null)
  for (const { instant, completionTime, action, path } of written.toSorted((a, b) =>
    a.completionTime! < b.completionTime! ? 1 : -1,
  )) {
    if (action !== 'commit' && action !== 'deltacommit' && action !== 'replacecommit') continue
    const bytes = await store.get(path)
    if (bytes === null || bytes.length === 0) continue
    const found = checkpointText(decodeCommitMetadata(bytes, { table: store.url, path }).extraMetadata)
    if (found !== null) return { ...found, instant, completionTime: completionTime! }
  }
  return null
}
