// The history as a store has it. Whoever makes the manifest of the next number decides what the history is; readers
// take the greatest number there is. `_version_`, which names it too, is no more than a help for readers, and a wrong
// one would mislead them: services/archive.ts tells what becomes of it.
import type { HistoryFile } from './history-format.ts'
import {
  decodeManifest,
  historyFolder,
  manifestPath,
  manifestVersion,
  versionFilePath,
} from './history-format.ts'
import type { ObjectStore } from '#lake/storage/object-store.ts'

export interface History {
  /** Of the newest manifest; 0 when there is none. */
  version: number
  /** What the newest manifest names, as far as it is there. */
  files: readonly HistoryFile[]
  /** What it names and is gone: an engine that takes no part in our protocol removed it. */
  missing: readonly HistoryFile[]
  /** Numbers of all manifests, ascending. */
  versions: readonly number[]
  /** All Parquet files of the folder, named by the manifest or not. */
  stored: readonly HistoryFile[]
  hasVersionFile: boolean
}

/** @throws DataError LAKE_FILE_CORRUPT */
export async function loadHistory(store: ObjectStore): Promise<History> {
  for (;;) {
    const versions: number[] = []
    const stored: HistoryFile[] = []
    let hasVersionFile = false
    for await (const { path, sizeBytes } of store.list(historyFolder)) {
      const name = path.slice(historyFolder.length)
      const version = manifestVersion(name)
      if (version !== null) versions.push(version)
      else if (name.endsWith('.parquet') && !name.startsWith('.')) stored.push({ name, sizeBytes })
      hasVersionFile ||= path === versionFilePath
    }
    versions.sort((a, b) => a - b)
    const version = versions.at(-1) ?? 0
    const named = version === 0 ? [] : await readManifest(store, version)
    // Gone since it was listed: there are newer ones.
    if (named === null) continue
    const missing = await missingOf(store, named, stored)
    return {
      version,
      files: named.filter(file => !missing.includes(file)),
      missing,
      versions,
      stored,
      hasVersionFile,
    }
  }
}

/** A listing may have passed the place of a file that was made just before the manifest: so a second look. */
async function missingOf(
  store: ObjectStore,
  named: readonly HistoryFile[],
  stored: readonly HistoryFile[],
): Promise<HistoryFile[]> {
  const listed = new Set(stored.map(({ name }) => name))
  const missing: HistoryFile[] = []
  for (const file of named)
    if (!listed.has(file.name) && (await store.getRange(historyFolder + file.name, 0, 1)) === null)
      missing.push(file)
  return missing
}

/** The files a manifest names, or null when it is gone. @throws DataError LAKE_FILE_CORRUPT */
export async function readManifest(store: ObjectStore, version: number): Promise<HistoryFile[] | null> {
  const path = manifestPath(version)
  const bytes = await store.get(path)
  return bytes && decodeManifest(bytes, path)
}
