// Reads a simulated table the way engines do: list the completed instants, list the data files, show what belongs
// to the newest slice of each file group. It shares no code with the lake, so that one mistake cannot hide another.
//
// Hudi's rules, as far as they matter here: a data file is visible when an instant of its time is complete, whoever
// wrote it, and also when its time is before the first instant of the timeline, since older instants are trimmed; of a
// file group the base file with the greatest instant is read, with the logs that completed after that
// instant.

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

const completedLayout2 = /^\.hoodie\/timeline\/(\d{17})_(\d{17})\.(?:commit|deltacommit|replacecommit)$/
const completedLayout1 = /^\.hoodie\/(\d{17})\.(?:commit|deltacommit|replacecommit)$/
const baseFile = /^([^_/.]+)_[^_/]+_(\d{17})\.parquet$/
const logFile = /^\.([^_/]+)_(\d{17})\.log\.\d+_[^_/]+$/

interface FileGroup {
  base: { instant: string; bytes: Uint8Array } | null
  logs: { completionTime: string; bytes: Uint8Array }[]
}

export function readTable(objects: ReadonlyMap<string, Uint8Array>): TableSnapshot {
  const completed = completedInstants(objects)
  const completion = new Map(completed.map(({ instant, completionTime }) => [instant, completionTime]))
  const timelineStart = completed.reduce((first, { instant }) => (instant < first ? instant : first), '9')
  const groups = new Map<string, FileGroup>()
  // Without any instant the table is empty.
  if (completed.length === 0) return { completed, rows: [] }
  for (const [path, bytes] of objects) {
    const base = baseFile.exec(path)
    const file = base ?? logFile.exec(path)
    if (file === null) continue
    const [, fileId, instant] = file as unknown as [string, string, string]
    const completionTime = completion.get(instant) ?? (instant < timelineStart ? instant : undefined)
    if (completionTime === undefined) continue
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

function completedInstants(objects: ReadonlyMap<string, Uint8Array>): CompletedInstant[] {
  const completed: CompletedInstant[] = []
  for (const path of objects.keys()) {
    if (!path.startsWith('.hoodie/')) continue
    const name = completedLayout2.exec(path) ?? completedLayout1.exec(path)
    if (name !== null) completed.push({ instant: name[1]!, completionTime: name[2] ?? name[1]! })
  }
  return completed
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
