// Which small files of an append table to put together. Each commit leaves a file or more, so there would be a new one
// every few seconds for ever. Files are merged with others of about their size (a tier: up to eight times larger), so
// that a row is written anew a few times only on its way into a large file; whatever is small for long is merged in
// any case, since its partition may get no more rows.
import type { DataFile } from '#lake/reader/data-file.ts'
import { parseInstant } from '#lake/timeline/instant.ts'

export interface ClusteringPolicy {
  /** Files of about this size are made. */
  targetFileBytes: number
  /** Smaller files are put together. */
  smallFileBytes: number
  /** So many files of one tier are merged. */
  filesMin: number
  /** Small files of a partition are merged, however few, when the oldest is older than this. */
  ageMsMax: number
}

const hourMs = 3_600_000
const tierBase = 8
/** A merged file should not be small again for a few bytes. */
const smallShare = 0.75

export function clusteringPolicy(targetFileBytes: number): ClusteringPolicy {
  const smallFileBytes = targetFileBytes * smallShare
  return { targetFileBytes, smallFileBytes, filesMin: tierBase, ageMsMax: 12 * hourMs }
}

export const defaultTargetFileBytes: number = 128 << 20

/** Files that become one, oldest first. */
export type FilesToCluster = readonly DataFile[]

/** What to merge next, at most about one file of the target size in all; empty when nothing needs it. */
export function filesToCluster(
  bases: readonly DataFile[],
  policy: ClusteringPolicy,
  nowMs: number,
): FilesToCluster[] {
  const small = bases
    .filter(({ sizeBytes }) => sizeBytes < policy.smallFileBytes)
    .toSorted((a, b) => (a.instant < b.instant ? -1 : 1))
  const chosen: FilesToCluster[] = []
  let bytes = 0
  for (const ofPartition of Map.groupBy(small, ({ partitionPath }) => partitionPath).values()) {
    const group = groupOf(ofPartition, policy, nowMs)
    if (group === null) continue
    bytes += bytesOf(group)
    if (chosen.length > 0 && bytes > policy.targetFileBytes) break
    chosen.push(group)
  }
  return chosen
}

function groupOf(small: readonly DataFile[], policy: ClusteringPolicy, nowMs: number): FilesToCluster | null {
  if (small.length < 2) return null
  const isOld = nowMs - parseInstant(small[0]!.instant) > policy.ageMsMax
  if (isOld) return upToTarget(small, policy)
  const tiers = Map.groupBy(small, file => tierOf(file, policy))
  for (const tier of [...tiers.keys()].toSorted((a, b) => b - a)) {
    const files = tiers.get(tier)!
    if (files.length < 2 || (files.length < policy.filesMin && bytesOf(files) < policy.targetFileBytes))
      continue
    return upToTarget(files, policy)
  }
  return null
}

/** 0: at least an eighth of the target size; 1: at least an eighth of that; … */
function tierOf({ sizeBytes }: DataFile, { targetFileBytes }: ClusteringPolicy): number {
  return Math.floor(Math.log(targetFileBytes / Math.max(sizeBytes, 1)) / Math.log(tierBase))
}

/** The oldest ones that make a file of the target size, at least two. */
function upToTarget(files: readonly DataFile[], { targetFileBytes }: ClusteringPolicy): FilesToCluster {
  let bytes = 0
  const end = files.findIndex(({ sizeBytes }) => (bytes += sizeBytes) >= targetFileBytes)
  return end < 0 ? files : files.slice(0, Math.max(end + 1, 2))
}

export function bytesOf(files: readonly DataFile[]): number {
  return files.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0)
}
