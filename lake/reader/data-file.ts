// The data files of a table, told by their names. The instant of a log file is its delta commit's in table
// version 8 and later, its slice's base instant before.
import type { ObjectInfo, ObjectStore } from '#lake/storage/object-store.ts'
import { parseBaseFileName, parseLogFileName } from '#lake/table/names.ts'
import type { InstantTime } from '#lake/timeline/instant.ts'

export interface DataFile {
  kind: 'base' | 'log'
  /** Relative to the table. */
  path: string
  name: string
  /** Folder relative to the table, '' when the table has no partitions. */
  partitionPath: string
  fileId: string
  instant: InstantTime
  /** Of a log file: 1, 2, … within its instant. 0 for base files. */
  version: number
  sizeBytes: number
}

/** Every data file below the prefix, committed or not. */
export async function listDataFiles(store: ObjectStore, prefix = ''): Promise<DataFile[]> {
  const files: DataFile[] = []
  for await (const object of store.list(prefix)) {
    const file = parseDataFile(object)
    if (file) files.push(file)
  }
  return files
}

/** The data file a stored object is, or null when it is none. */
export function parseDataFile({ path, sizeBytes }: ObjectInfo): DataFile | null {
  const slash = path.lastIndexOf('/')
  const name = path.slice(slash + 1)
  const partitionPath = slash < 0 ? '' : path.slice(0, slash)
  if (partitionPath === '.hoodie' || partitionPath.startsWith('.hoodie/')) return null
  const shared = { path, name, partitionPath, sizeBytes }
  const base = parseBaseFileName(name)
  if (base) return { ...shared, kind: 'base', fileId: base.fileId, instant: base.instant, version: 0 }
  const log = parseLogFileName(name)
  if (!log) return null
  return { ...shared, kind: 'log', fileId: log.fileId, instant: log.instant, version: log.version }
}
