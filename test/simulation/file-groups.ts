// A stand-in for the table writer: which files a batch of rows becomes, with JSON for Parquet. It finds out about
// the shared file groups as the real one does, by listing the store, with all the delays and races of that.
import type { Process } from './process.ts'
import { dataFile, rowsOf } from './table-reader.ts'
import type { Style } from './world.ts'
import type { FileGroupUse } from '#lake/journal/entry.ts'
import { loadReplacements } from '#lake/services/replaced-groups.ts'
import type { ObjectStore } from '#lake/storage/object-store.ts'
import {
  baseFileName,
  logFileName,
  newFileId,
  newWriteToken,
  parseBaseFileName,
  parseLogFileName,
} from '#lake/table/names.ts'
import type { TimelineLayout } from '#lake/timeline/instant-file.ts'
import { loadTimeline } from '#lake/timeline/timeline.ts'

export const sharedGroups = [
  '00000000-0000-0000-0000-000000000000-0',
  '00000001-0000-0000-0000-000000000000-0',
]

/** A file group's newest slice among what is complete. */
export interface Slice {
  base: { path: string; instant: string } | null
  logs: { path: string; completionTime: string }[]
}

/** The newest slices; only logs that completed before `until` when given. */
export async function loadSlices(
  store: ObjectStore,
  layout: TimelineLayout,
  until = '9',
): Promise<Map<string, Slice>> {
  const completion = new Map<string, string>()
  const timeline = await loadTimeline(store, layout)
  for (const { instant, completionTime } of timeline)
    if (completionTime !== null) completion.set(instant, completionTime)
  const start = timeline.find(({ state }) => state === 'completed')?.instant ?? ''
  const replaced = new Set((await loadReplacements(store, timeline)).flatMap(({ groups }) => [...groups]))
  const slices = new Map<string, Slice>()
  for await (const { path } of store.list('')) addFile(slices, path, { completion, start, until })
  for (const fileId of replaced) slices.delete(fileId)
  for (const slice of slices.values())
    slice.logs = slice.logs.filter(log => slice.base === null || log.completionTime > slice.base.instant)
  return slices
}

function addFile(
  slices: Map<string, Slice>,
  path: string,
  { completion, start, until }: { completion: ReadonlyMap<string, string>; start: string; until: string },
): void {
  const base = parseBaseFileName(path)
  const log = parseLogFileName(path)
  const file = base ?? log
  // Older instants were trimmed.
  const trimmed = file !== null && file.instant < start ? file.instant : undefined
  const completionTime = file === null ? undefined : (completion.get(file.instant) ?? trimmed)
  if (file === null || completionTime === undefined) return
  const slice = slices.get(file.fileId) ?? { base: null, logs: [] }
  if (base !== null) {
    if (slice.base === null || slice.base.instant < base.instant) slice.base = { path, instant: base.instant }
  } else if (completionTime < until) slice.logs.push({ path, completionTime })
  slices.set(file.fileId, slice)
}

export async function readSlice(store: ObjectStore, slice: Slice): Promise<string[]> {
  const rows: string[] = []
  for (const path of [
    ...(slice.base === null ? [] : [slice.base.path]),
    ...slice.logs.map(log => log.path),
  ]) {
    const bytes = await store.get(path)
    if (bytes !== null) rows.push(...rowsOf(bytes))
  }
  return rows
}

export interface StagedFiles {
  paths: string[]
  use: FileGroupUse
}

export class RowStager {
  readonly #store: ObjectStore
  readonly #process: Process
  readonly #style: Style
  readonly #layout: TimelineLayout

  constructor(store: ObjectStore, process: Process, style: Style, layout: TimelineLayout) {
    this.#store = store
    this.#process = process
    this.#style = style
    this.#layout = layout
  }

  /** Writes the rows under the instant. */
  async stage(rows: readonly string[], instant: string): Promise<StagedFiles> {
    const { clock } = this.#process
    if (this.#style === 'append') {
      const path = baseFileName({ fileId: newFileId(clock), writeToken: newWriteToken(clock), instant })
      await this.#store.put(path, dataFile(rows))
      return { paths: [path], use: {} }
    }
    const slices = await loadSlices(this.#store, this.#layout)
    const staged = {
      paths: [] as string[],
      created: [] as string[],
      rewritten: [] as string[],
      logged: [] as string[],
    }
    for (const [bucket, fileId] of sharedGroups.entries()) {
      const mine = rows.filter((_, i) => i % sharedGroups.length === bucket)
      if (mine.length === 0) continue
      const slice = slices.get(fileId) ?? null
      const isLog = this.#style === 'merge' && (slice !== null || clock.random() < 0.3)
      const before = slice === null || isLog ? [] : await readSlice(this.#store, slice)
      const name = { fileId, writeToken: newWriteToken(clock), instant }
      const path = isLog ? logFileName({ ...name, version: 1 }) : baseFileName(name)
      await this.#store.put(path, dataFile([...before, ...mine]))
      staged.paths.push(path)
      staged[isLog ? 'logged' : slice === null ? 'created' : 'rewritten'].push(fileId)
    }
    const { paths, ...use } = staged
    return { paths, use }
  }
}
