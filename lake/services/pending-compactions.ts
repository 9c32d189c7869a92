// Compactions that are planned on the timeline and not run yet, by whichever engine: ours write plans only for others.
// Their file groups are left to whoever runs the plan.
import type { ObjectStore } from '#lake/storage/object-store.ts'
import { fileGroupKey } from '#lake/table/names.ts'
import { decodeCompactionPlan } from '#lake/timeline/compaction-plan.ts'
import type { TimelineLayout } from '#lake/timeline/instant-file.ts'
import { timelineFolder } from '#lake/timeline/instant-file.ts'
import type { InstantTime } from '#lake/timeline/instant.ts'
import { loadTimeline } from '#lake/timeline/timeline.ts'

export interface PendingCompactions {
  /** Oldest first. */
  instants: readonly InstantTime[]
  /** Names of the file groups the plans merge. */
  groups: ReadonlySet<string>
}

export async function pendingCompactions(
  store: ObjectStore,
  layout: TimelineLayout,
): Promise<PendingCompactions> {
  const instants = (await loadTimeline(store, layout))
    .filter(({ action, state }) => action === 'compaction' && state !== 'completed')
    .map(({ instant }) => instant)
  const groups = new Set<string>()
  for (const instant of instants) {
    const bytes = await store.get(`${timelineFolder(layout)}/${instant}.compaction.requested`)
    // Gone: it was run or taken back just now.
    if (bytes === null || bytes.length === 0) continue
    for (const { partitionPath, fileId } of decodeCompactionPlan(bytes).operations)
      groups.add(fileGroupKey(partitionPath, fileId))
  }
  return { instants, groups }
}
