// Base files of a group that others may write to are kept aside until the step that makes them is taken, and only
// then put where readers look. Hudi's Java readers let any base file in a table's folder begin a slice, committed or
// not, and hang later log files onto it; if it is not committed they leave out the slice, those logs and all. So a
// base file that a dead or a losing writer left behind would hide what others committed later.
import type { ObjectStore } from '#lake/storage/object-store.ts'
import type { InstantTime } from '#lake/timeline/instant.ts'

/** A file kept aside, and its path in the table. */
export interface Placement {
  from: string
  to: string
}

export const asideFolder = '.hoodie/.sluice/staged/'

export function asidePath(instant: InstantTime, path: string): string {
  return `${asideFolder}${instant}/${path}`
}

/** The instant a file was kept aside for. */
export function asideInstant(path: string): InstantTime {
  return path.slice(asideFolder.length).split('/', 1)[0]!
}

/** Puts the files in place. May be done again, by anyone: what was moved already is passed over. */
export async function placeFiles(store: ObjectStore, placements: readonly Placement[]): Promise<void> {
  await Promise.all(
    placements.map(async ({ from, to }) => {
      if (await store.copy(from, to)) await store.delete([from])
    }),
  )
}
