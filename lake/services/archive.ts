// Archiving: instants go into the history (timeline/history-format.ts) before they leave the active timeline. Any
// number of archivers may be at it, and each may die anywhere.
//
// A change is taken by creating the manifest of the next number, which one of any number of racing archivers does; the
// others look at the new one and see what is left to do. `_version_` cannot be kept so: nothing stops a writer that
// slept from putting an old number there, and then every query of Java readers would look for files long gone. So
// whoever changes the history removes it, and readers find the newest manifest by listing the folder, which is what
// they do without it; Spark's own archiver makes it anew. docs/decisions/0013-history-without-version-file.md
import type { ServiceContext } from './compact.ts'
import type { HeldLock } from '#lake/journal/storage-lock.ts'
import { mergedHistoryFile } from './merged-history.ts'
import type { ObjectStore } from '#lake/storage/object-store.ts'
import type { ArchivedInstant } from '#lake/timeline/archived-instants.ts'
import { decodeArchivedHeads, encodeArchivedInstants } from '#lake/timeline/archived-instants.ts'
import type { HistoryFile } from '#lake/timeline/history-format.ts'
import {
  encodeManifest,
  historyFileName,
  historyFolder,
  historySpan,
  manifestPath,
  versionFilePath,
} from '#lake/timeline/history-format.ts'
import type { History } from '#lake/timeline/history.ts'
import { loadHistory, readManifest } from '#lake/timeline/history.ts'
import type { InstantTime } from '#lake/timeline/instant.ts'
import type { HistoryPolicy } from './plan-archiving.ts'
import { filesToMerge } from './plan-archiving.ts'

export interface ArchiveContext extends Pick<ServiceContext, 'store' | 'signal'> {
  /** Where other engines archive as well, which do so under the table's lock: that it is held. Absent: there are none. */
  lock?: HeldLock | null
}

/**
 * Adds the instants to the history unless they are there; afterwards they may leave the active timeline.
 * @param instants oldest first
 */
export async function archiveInstants(
  context: ArchiveContext,
  instants: readonly ArchivedInstant[],
): Promise<void> {
  const { store } = context
  await changeHistory(context, async history => {
    const left = await notArchived(store, history, instants)
    if (left.length === 0) return history.missing.length > 0 ? history.files : null
    return [...history.files, await levelZeroFile(store, left)]
  })
}

/**
 * Merges files of a level when there are many, drops those whose instants are all older than `keptFrom`, and removes
 * what no reader can be about to open any more.
 */
export async function tidyHistory(
  context: ArchiveContext,
  policy: HistoryPolicy,
  keptFrom: InstantTime,
): Promise<void> {
  const { store } = context
  await changeHistory(context, history => {
    const kept = history.files.filter(({ name }) => !isBefore(name, keptFrom))
    return Promise.resolve(kept.length < history.files.length ? kept : null)
  })
  await changeHistory(context, async history => {
    const merged = filesToMerge(history.files, policy)
    if (merged === null) return null
    const made = await mergedHistoryFile(context, merged)
    return [...history.files.filter(file => !merged.includes(file)), made]
  })
  const history = await loadHistory(store)
  // Not each time: every manifest that stays has to be read.
  if (history.versions.length > 2 * policy.versionsKept) await retire(context, history, policy)
  const orphans = history.stored.filter(
    ({ name }) => isBefore(name, keptFrom) && !history.files.some(file => file.name === name),
  )
  if (orphans.length > 0) await store.delete(orphans.map(({ name }) => historyFolder + name))
}

function isBefore(name: string, keptFrom: InstantTime): boolean {
  const span = historySpan(name)
  return span !== null && span.last < keptFrom
}

/**
 * Brings the history to where `change` has nothing left to do.
 * @param change the files the history is to have, or null when it is as it should be
 */
async function changeHistory(
  { store, signal, lock }: ArchiveContext,
  change: (history: History) => Promise<readonly HistoryFile[] | null>,
): Promise<void> {
  for (;;) {
    signal.throwIfAborted()
    const history = await loadHistory(store)
    const files = await change(history)
    lock?.assertHeld()
    if (files === null) {
      if (history.hasVersionFile) await settleVersionFile(store, history.version)
      return
    }
    // Whether it was made or not, and whether it is the newest or the stray one of a sleeper: the next look tells.
    await store.putIfAbsent(manifestPath(history.version + 1), encodeManifest(files))
  }
}

async function settleVersionFile(store: ObjectStore, newest: number): Promise<void> {
  const bytes = await store.get(versionFilePath)
  if (bytes !== null && Number(Buffer.from(bytes).toString('utf8')) !== newest)
    await store.delete([versionFilePath])
}

async function notArchived(
  store: ObjectStore,
  history: History,
  instants: readonly ArchivedInstant[],
): Promise<ArchivedInstant[]> {
  const first = instants[0]?.instant ?? ''
  const archived = new Set<InstantTime>()
  for (const { name } of history.files) {
    const span = historySpan(name)
    if (span === null || span.last < first) continue
    const path = historyFolder + name
    const bytes = await store.get(path)
    for (const head of bytes === null ? [] : await decodeArchivedHeads(bytes, path))
      archived.add(head.instant)
  }
  return instants.filter(({ instant }) => !archived.has(instant))
}

async function levelZeroFile(store: ObjectStore, instants: readonly ArchivedInstant[]): Promise<HistoryFile> {
  const [first, last] = [instants[0]!.instant, instants.at(-1)!.instant]
  const name = historyFileName({ first, last, level: 0 })
  const bytes = encodeArchivedInstants(instants)
  await store.put(historyFolder + name, bytes)
  return { name, sizeBytes: bytes.length }
}

/**
 * Removes old manifests, and the files that were named by them alone. A file that no manifest ever named is left: it
 * may be another archiver's, who is about to name it. What was named once and is no more never comes back, since its
 * instants are in other files.
 */
async function retire(
  { store, signal, lock }: ArchiveContext,
  { versions }: History,
  { versionsKept }: HistoryPolicy,
): Promise<void> {
  const named = async (of: readonly number[]): Promise<Set<string>> => {
    const names = new Set<string>()
    for (const version of of)
      for (const { name } of (await readManifest(store, version)) ?? []) names.add(name)
    return names
  }
  const kept = await named(versions.slice(-versionsKept))
  const old = versions.slice(0, -versionsKept)
  const files = [...(await named(old))].filter(name => !kept.has(name))
  signal.throwIfAborted()
  lock?.assertHeld()
  // Files first: once the manifests are gone, nobody knows of them.
  if (files.length > 0) await store.delete(files.map(name => historyFolder + name))
  await store.delete(old.map(manifestPath))
}
