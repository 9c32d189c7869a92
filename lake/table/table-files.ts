// Which file groups a table has, and the newest slice of each: what decides whether a bucket gets a base file or
// a log, and where its rows are looked up.
import { fileGroupKey } from './names.ts'
import { listDataFiles } from '#lake/reader/data-file.ts'
import type { FileSlice } from '#lake/reader/file-slice.ts'
import { latestSlices } from '#lake/reader/file-slice.ts'
import type { TimelineView } from '#lake/reader/timeline-view.ts'
import { readTimeline } from '#lake/reader/timeline-view.ts'
import type { ObjectStore } from '#lake/storage/object-store.ts'
import type { TimelineLayout } from '#lake/timeline/instant-file.ts'

export class TableFiles {
  readonly timeline: TimelineView
  readonly #slices: ReadonlyMap<string, FileSlice>

  constructor(timeline: TimelineView, slices: readonly FileSlice[]) {
    this.timeline = timeline
    this.#slices = new Map(slices.map(slice => [fileGroupKey(slice.partitionPath, slice.fileId), slice]))
  }

  /** Lists the timeline, then the files: a file of a commit that is seen is seen too. */
  static async load(store: ObjectStore, layout: TimelineLayout): Promise<TableFiles> {
    const timeline = await readTimeline(store, layout)
    return new TableFiles(timeline, latestSlices(await listDataFiles(store), timeline))
  }

  get slices(): Iterable<FileSlice> {
    return this.#slices.values()
  }

  slice(fileGroup: string): FileSlice | null {
    return this.#slices.get(fileGroup) ?? null
  }
}
