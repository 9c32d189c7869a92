// Takes instants off the active timeline, into the history first. They go one after the other in the order given, so
// that whoever lists the timeline meanwhile sees a whole rest of it; pending files go before completed ones, since a
// pending commit without its completed file would hold up readers.
import { archiveInstants } from './archive.ts'
import type { ServiceContext } from './compact.ts'
import type { ObjectStore } from '#lake/storage/object-store.ts'
import type { ArchivedInstant } from '#lake/timeline/archived-instants.ts'
import type { InstantFile, TimelineLayout } from '#lake/timeline/instant-file.ts'
import { parseInstantFileName, timelineFolder } from '#lake/timeline/instant-file.ts'
import type { InstantTime } from '#lake/timeline/instant.ts'

/** Instants are in memory on their way into the history. */
const bytesMax = 32 << 20
const parallelReads = 16

interface StoredFile extends InstantFile {
  path: string
  sizeBytes: number
}

interface StoredInstant {
  completed: StoredFile
  pending: StoredFile[]
}

/**
 * @param instants completed ones, oldest first
 * @param keepHistory false: they are forgotten
 * @returns how many were taken off: fewer than given when they are large
 */
export async function trimTimeline(
  { store, journal, signal }: Pick<ServiceContext, 'store' | 'journal' | 'signal'>,
  instants: readonly InstantTime[],
  keepHistory: boolean,
): Promise<number> {
  const stored = upToBytes(await storedInstants(store, journal.layout, new Set(instants)))
  // The history of layout 1 is made of log files, which nobody needs to read the table.
  if (keepHistory && journal.layout === 2) {
    const read = await readInstants(store, stored)
    await journal.underLock(lock => archiveInstants({ store, signal, lock }, read))
  }
  const pending = stored.flatMap(instant => instant.pending.map(({ path }) => path))
  if (pending.length > 0) await store.delete(pending)
  for (const { completed } of stored) {
    signal.throwIfAborted()
    await store.delete([completed.path])
  }
  return stored.length
}

/**
 * The files of these instants, in the order of the instants, up to one that was saved meanwhile. Those that are gone
 * another cleaner took.
 */
async function storedInstants(
  store: ObjectStore,
  layout: TimelineLayout,
  instants: ReadonlySet<InstantTime>,
): Promise<StoredInstant[]> {
  const folder = `${timelineFolder(layout)}/`
  const files: StoredFile[] = []
  for await (const { path, sizeBytes } of store.list(folder, `${folder}/`)) {
    const name = path.slice(folder.length)
    if (name > ':') break
    const file = parseInstantFileName(name)
    if (file !== null && instants.has(file.instant)) files.push({ ...file, path, sizeBytes })
  }
  const byInstant = [...Map.groupBy(files, ({ instant }) => instant).values()]
  const saved = byInstant.findIndex(ofInstant => ofInstant.some(({ action }) => action === 'savepoint'))
  return byInstant.slice(0, saved < 0 ? byInstant.length : saved).flatMap(ofInstant => {
    const completed = ofInstant.find(({ state }) => state === 'completed')
    if (completed === undefined) return []
    return [{ completed, pending: ofInstant.filter(file => file !== completed) }]
  })
}

/** As many from the first on as may be in memory at once, at least one. */
function upToBytes(instants: readonly StoredInstant[]): StoredInstant[] {
  let bytes = 0
  const taken: StoredInstant[] = []
  for (const instant of instants) {
    for (const { sizeBytes } of [instant.completed, ...instant.pending]) bytes += sizeBytes
    if (taken.length > 0 && bytes > bytesMax) break
    taken.push(instant)
  }
  return taken
}

async function readInstants(
  store: ObjectStore,
  instants: readonly StoredInstant[],
): Promise<ArchivedInstant[]> {
  const read: ArchivedInstant[] = []
  for (let from = 0; from < instants.length; from += parallelReads) {
    const some = instants.slice(from, from + parallelReads)
    for (const instant of await Promise.all(some.map(each => readInstant(store, each))))
      if (instant !== null) read.push(instant)
  }
  return read
}

/** Null when another cleaner took it meanwhile, who archived it before. */
async function readInstant(
  store: ObjectStore,
  { completed, pending }: StoredInstant,
): Promise<ArchivedInstant | null> {
  const planFile = pending.find(({ state }) => state === 'requested')
  const [metadata, plan] = await Promise.all([
    store.get(completed.path),
    planFile === undefined || planFile.sizeBytes === 0 ? null : store.get(planFile.path),
  ])
  if (metadata === null) return null
  const { instant, action, completionTime } = completed
  return {
    instant,
    action,
    completionTime: completionTime ?? instant,
    metadata: metadata.length === 0 ? null : metadata,
    plan,
  }
}
