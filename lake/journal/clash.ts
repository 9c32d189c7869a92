// Which steps cannot both be taken. A step is staged against the table as it stood; what others did to the same
// file groups meanwhile may make its files wrong, and then it must be staged again.
import type { FileGroupUse } from './entry.ts'
import type { TimelineLayout } from '#lake/timeline/instant-file.ts'

type Use = keyof FileGroupUse

/**
 * For each use of a file group in a step, the uses by steps taken since it was staged that make it wrong.
 * - Two first base files: readers would see only the later one. A log beside a first base file that was staged
 *   without it: the log may fall into the slice before that base and be lost.
 * - A rewritten base file misses every row that came after it was read.
 * - A compaction, staged when its `schedule` entry was made, takes the logs completed before; later logs complete
 *   after its instant and so belong to its new slice (layout 2).
 * - Whatever is added to a retired group is never read.
 * - Of two steps that each add keys the table did not have, the later may add the same.
 */
const wrongAfter: Readonly<Record<Use, readonly Use[]>> = {
  created: ['created', 'rewritten', 'logged', 'compacted', 'replaced'],
  rewritten: ['created', 'rewritten', 'logged', 'compacted', 'replaced'],
  logged: ['replaced'],
  compacted: ['created', 'rewritten', 'compacted', 'replaced'],
  replaced: ['created', 'rewritten', 'logged', 'compacted', 'replaced'],
  distinct: ['distinct'],
}

/** In layout 1 a log file names the base instant of its slice, so a new base file makes it wrong, and it a compaction. */
const wrongAfterInLayout1: Readonly<Record<Use, readonly Use[]>> = {
  ...wrongAfter,
  logged: ['created', 'rewritten', 'compacted', 'replaced'],
  compacted: ['created', 'rewritten', 'logged', 'compacted', 'replaced'],
}

/**
 * The file group over which a step clashes with one taken since it was staged, or null. Of a bucket there must be no
 * two file groups, and other engines name them as they like, after the bucket's number: buckets are compared by it.
 */
export function clashingFileGroup(
  staged: FileGroupUse,
  taken: FileGroupUse,
  layout: TimelineLayout,
): string | null {
  const rules = layout === 1 ? wrongAfterInLayout1 : wrongAfter
  for (const [use, groups] of Object.entries(staged) as [Use, readonly string[]][]) {
    const mine = new Set(groups.map(withoutSuffix))
    for (const other of rules[use])
      for (const group of taken[other] ?? []) if (mine.has(withoutSuffix(group))) return group
  }
  return null
}

/** `partition/00000003` of `partition/00000003-…`; other names as they are. */
function withoutSuffix(group: string): string {
  return group.replace(/(^|\/)(\d{8})-[^/]*$/, '$1$2')
}

/** True when no step of others can clash with this one: rows added to file groups of their own. */
export function usesNoFileGroup(use: FileGroupUse): boolean {
  return Object.values(use).every(groups => groups.length === 0)
}
