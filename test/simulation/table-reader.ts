// Reads a simulated table the way engines do: list the completed instants, list the data files, show what belongs
// to the newest slice of each file group, now or as of an instant. It shares no code with the lake but the decoding of
// a replace commit, so that one mistake cannot hide another.
//
// Hudi's rules, as far as they matter here: a data file is visible when an instant of its time is complete, whoever
// wrote it, and also when its time is before the first instant of the timeline, since older instants are trimmed; of a
// file group the base file with the greatest instant is read, with the logs that completed after that instant; a file
// group that a replace commit names is not read at all.
import { decodeCommitMetadata } from '#lake/timeline/commit-metadata.ts'

export interface CompletedInstant {
  instant: string
  /** In timeline layout 1, which keeps none, the instant. */
  completionTime: string
}

export interface TableSnapshot {
  completed: readonly CompletedInstant[]
  /** All visible rows, in no order, as often as a reader would see them. */
  rows: readonly string[]
}

const completedLayout2 = /^\.hoodie\/timeline\/(\d{17})_(\d{17})\.(commit|deltacommit|replacecommit)$/
const completedLayout1 = /^\.hoodie\/(\d{17})()\.(commit|deltacommit|replacecommit)$/
const baseFile = /^([^_/.]+)_[^_/]+_(\d{17})\.parquet$/
const logFile = /^\.([^_/]+)_(\d{17})\.log\.\d+_[^_/]+$/

interface FileGroup {
  base: { instant: string; bytes: Uint8Array } | null
  logs: { completionTime: string; bytes: Uint8Array }[]
}

interface Timeline {
  completed: CompletedInstant[]
  /** Ids of retired file groups. */
  replaced: Set<string>
}

/** @param asOf leaves out what later instants did */
export function readTable(objects: ReadonlyMap<string, Uint8Array>, asOf = '9'): TableSnapshot {
  const { completed, replaced } = timelineOf(objects, asOf)
  const completion = new Map(completed.map(({ instant, completionTime }) => [instant, completionTime]))
  const start = timelineStart(objects)
  const groups = new Map<string, FileGroup>()
  // Without any instant the table is empty.
  if (start === null) return { completed, rows: [] }
  for (const [path, bytes] of objects) {
    const base = baseFile.exec(path)
    const file = base ?? logFile.exec(path)
    if (file === null) continue
    const [, fileId, instant] = file as unknown as [string, string, string]
    const completionTime =
      completion.get(instant) ?? (instant < start && instant <= asOf ? instant : undefined)
    if (completionTime === undefined || replaced.has(fileId)) continue
    const group = groups.get(fileId) ?? { base: null, logs: [] }
    groups.set(fileId, group)
    if (base === null) group.logs.push({ completionTime, bytes })
    else if (group.base === null || group.base.instant < instant) group.base = { instant, bytes }
  }
  return { completed, rows: [...groups.values()].flatMap(rowsOfNewestSlice) }
}

function rowsOfNewestSlice({ base, logs }: FileGroup): string[] {
  const newest = logs.filter(log => base === null || log.completionTime > base.instant)
  return [...(base === null ? [] : [base]), ...newest].flatMap(({ bytes }) => rowsOf(bytes))
}

function timelineOf(objects: ReadonlyMap<string, Uint8Array>, asOf: string): Timeline {
  const timeline: Timeline = { completed: [], replaced: new Set() }
  for (const [path, bytes] of objects) {
    const name = completedName(path)
    if (name === null || name.instant > asOf) continue
    timeline.completed.push(name)
    if (path.endsWith('.replacecommit')) for (const group of replacedBy(bytes)) timeline.replaced.add(group)
  }
  return timeline
}

function timelineStart(objects: ReadonlyMap<string, Uint8Array>): string | null {
  let start: string | null = null
  for (const path of objects.keys()) {
    const name = completedName(path)
    if (name !== null && (start === null || name.instant < start)) start = name.instant
  }
  return start
}

function completedName(path: string): CompletedInstant | null {
  if (!path.startsWith('.hoodie/')) return null
  const name = completedLayout2.exec(path) ?? completedLayout1.exec(path)
  return name === null ? null : { instant: name[1]!, completionTime: name[2] || name[1]! }
}

const replacements = new WeakMap<Uint8Array, readonly string[]>()

function replacedBy(bytes: Uint8Array): readonly string[] {
  let groups = replacements.get(bytes)
  if (groups === undefined) {
    groups = Object.values(decodeCommitMetadata(bytes).partitionToReplaceFileIds ?? {}).flat()
    replacements.set(bytes, groups)
  }
  return groups
}

const parsed = new WeakMap<Uint8Array, readonly string[]>()

/** The rows of a stand-in data file: a JSON array of texts. */
export function rowsOf(bytes: Uint8Array): readonly string[] {
  let rows = parsed.get(bytes)
  if (rows === undefined) {
    rows = JSON.parse(Buffer.from(bytes).toString('utf8')) as string[]
    parsed.set(bytes, rows)
  }
  return rows
}

export function dataFile(rows: readonly string[]): Uint8Array {
  return Buffer.from(JSON.stringify(rows))
}
