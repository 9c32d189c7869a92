// Another engine, as Hudi's own writers behave, on the options that the project documents: it marks its instant as
// requested and inflight, writes its files under it, and completes it; it knows nothing of our journal. When it finds
// something pending that it left when it died, it rolls that back first. Beside upserts it clusters and compacts.
//
// It writes to append tables whenever it likes; to others in turn with us (run-schedule.ts), as the two would not see
// what the other has staged.
import type { Slice } from './file-groups.ts'
import { loadSlices, readSlice, sharedGroups } from './file-groups.ts'
import { metadataOf, pause } from './lane.ts'
import type { Process } from './process.ts'
import { dataFile } from './table-reader.ts'
import type { RunProcess, World } from './world.ts'
import type { ObjectStore } from '#lake/storage/object-store.ts'
import {
  baseFileName,
  logFileName,
  newFileId,
  newWriteToken,
  parseBaseFileName,
  parseLogFileName,
} from '#lake/table/names.ts'
import { layoutOf } from '#lake/table/definition.ts'
import type { CommitMetadata } from '#lake/timeline/commit-metadata.ts'
import { encodeCommitMetadata } from '#lake/timeline/commit-metadata.ts'
import type { CommitAction, TimelineLayout } from '#lake/timeline/instant-file.ts'
import { completedPath, instantFileName, timelineFolder } from '#lake/timeline/instant-file.ts'
import type { InstantTime } from '#lake/timeline/instant.ts'
import { firstInstant, instantAfter } from '#lake/timeline/instant.ts'
import { loadTimeline } from '#lake/timeline/timeline.ts'

interface Written {
  metadata: CommitMetadata
  rows: readonly string[]
}

/** What one action does, once its instant is taken. */
type Action = (instant: InstantTime, slices: ReadonlyMap<string, Slice>) => Promise<Written | null>

/** Some writes of the engine. @param isAlone whether it clusters too, which only goes while nobody else writes */
export function foreignWriter(isAlone: boolean): RunProcess {
  return async (world, process, store) => {
    const { random } = world.scheduler
    const engine = new ForeignEngine({ world, process, store, isAlone })
    await engine.rollBack()
    for (let writes = random.between(1, 3); writes > 0; writes--) {
      await engine.write()
      await process.clock.sleep(random.between(1, 2_000))
      await pause(world, process.clock)
    }
  }
}

interface Engine {
  world: World
  process: Process
  store: ObjectStore
  isAlone: boolean
}

class ForeignEngine {
  readonly #world: World
  readonly #process: Process
  readonly #store: ObjectStore
  readonly #isAlone: boolean
  readonly #layout: TimelineLayout

  constructor({ world, process, store, isAlone }: Engine) {
    this.#world = world
    this.#process = process
    this.#store = store
    this.#isAlone = isAlone
    this.#layout = layoutOf(world.definition.version)
  }

  /** Nothing of ours is ever pending, so whatever is was left by an engine that died. */
  async rollBack(): Promise<void> {
    const pending = (await loadTimeline(this.#store, this.#layout)).filter(at => at.state !== 'completed')
    for (const { instant, action } of pending) {
      const paths: string[] = []
      for await (const { path } of this.#store.list(''))
        if ((parseBaseFileName(path) ?? parseLogFileName(path))?.instant === instant) paths.push(path)
      if (paths.length > 0) await this.#store.delete(paths)
      await this.#store.delete(this.#pendingPaths(instant, action))
    }
  }

  async write(): Promise<void> {
    const { random } = this.#world.scheduler
    const { style } = this.#world
    const other = random.chance(0.3)
    if (style === 'append')
      await (other && this.#layout === 2 && this.#isAlone
        ? this.#run('replacecommit', 'clustering', (instant, slices) => this.#cluster(instant, slices))
        : this.#run('commit', 'commit', instant => this.#insert(instant)))
    else if (style === 'rewrite')
      await this.#run('commit', 'commit', (instant, slices) => this.#rewrite(instant, slices))
    else
      await (other
        ? this.#run('commit', 'compaction', (instant, slices) => this.#compact(instant, slices))
        : this.#run('deltacommit', 'deltacommit', (instant, slices) => this.#log(instant, slices)))
  }

  async #run(action: CommitAction, pendingAction: string, work: Action): Promise<void> {
    const timeline = await loadTimeline(this.#store, this.#layout)
    const newest = timeline.at(-1)?.instant
    if (newest === undefined) return
    const instant = this.#unusedAfter(newest)
    for (const path of this.#pendingPaths(instant, pendingAction))
      await this.#store.put(path, Buffer.alloc(0))
    const written = await work(instant, await loadSlices(this.#store, this.#layout))
    if (written === null) {
      await this.#store.delete(this.#pendingPaths(instant, pendingAction))
      return
    }
    const completionTime = instantAfter(instant, this.#process.clock.nowMs())
    this.#world.checks.noteForeign(instant, written.rows)
    const path = completedPath(this.#layout, action, instant, completionTime)
    await this.#store.put(path, encodeCommitMetadata(written.metadata, action, this.#layout))
  }

  async #insert(instant: InstantTime): Promise<Written> {
    const rows = this.#newRows(instant)
    const path = await this.#base(newFileId(this.#process.clock), instant, rows)
    return { metadata: metadataOf([path], 'INSERT'), rows }
  }

  async #cluster(instant: InstantTime, slices: ReadonlyMap<string, Slice>): Promise<Written | null> {
    if (slices.size < 2) return null
    const rows: string[] = []
    for (const slice of slices.values()) rows.push(...(await readSlice(this.#store, slice)))
    const path = await this.#base(newFileId(this.#process.clock), instant, rows)
    const replaced = { '': [...slices.keys()] }
    return { metadata: { ...metadataOf([path], 'CLUSTER'), partitionToReplaceFileIds: replaced }, rows: [] }
  }

  async #rewrite(instant: InstantTime, slices: ReadonlyMap<string, Slice>): Promise<Written> {
    const rows = this.#newRows(instant)
    const fileId = this.#world.scheduler.random.pick(sharedGroups)
    const slice = slices.get(fileId)
    const before = slice === undefined ? [] : await readSlice(this.#store, slice)
    const path = await this.#base(fileId, instant, [...before, ...rows])
    return { metadata: metadataOf([path], 'UPSERT', slice?.base?.instant), rows }
  }

  async #log(instant: InstantTime, slices: ReadonlyMap<string, Slice>): Promise<Written> {
    const rows = this.#newRows(instant)
    const fileId = this.#world.scheduler.random.pick(sharedGroups)
    if (!slices.has(fileId)) {
      const path = await this.#base(fileId, instant, rows)
      return { metadata: metadataOf([path], 'UPSERT'), rows }
    }
    const name = { fileId, writeToken: newWriteToken(this.#process.clock), instant, version: 1 }
    const path = logFileName(name)
    await this.#store.put(path, dataFile(rows))
    return { metadata: metadataOf([path], 'UPSERT'), rows }
  }

  async #compact(instant: InstantTime, slices: ReadonlyMap<string, Slice>): Promise<Written | null> {
    const due = [...slices].find(([, { logs }]) => logs.length > 0)
    if (due === undefined) return null
    const [fileId, slice] = due
    const path = await this.#base(fileId, instant, await readSlice(this.#store, slice))
    return { metadata: metadataOf([path], 'COMPACT'), rows: [] }
  }

  async #base(fileId: string, instant: InstantTime, rows: readonly string[]): Promise<string> {
    const path = baseFileName({ fileId, writeToken: newWriteToken(this.#process.clock), instant })
    await this.#store.put(path, dataFile(rows))
    return path
  }

  #newRows(instant: InstantTime): string[] {
    const count = this.#world.scheduler.random.between(1, 4)
    return Array.from({ length: count }, (_, at) => `${this.#process.name}@${instant}:${at}`)
  }

  /**
   * What the clock says, as Hudi's writers do; where clocks differ, later than the newest, since nothing else is safe.
   * One that nobody has: two engines at one millisecond are another story.
   */
  #unusedAfter(newest: InstantTime): InstantTime {
    const { clocksInStep } = this.#world
    let instant = instantAfter(clocksInStep ? firstInstant : newest, this.#process.clock.nowMs())
    const isUsed = (): boolean => [...this.#world.objects.keys()].some(path => path.includes(instant))
    while (isUsed()) instant = instantAfter(instant, 0)
    return instant
  }

  #pendingPaths(instant: InstantTime, action: string): string[] {
    return (['requested', 'inflight'] as const).map(
      state =>
        `${timelineFolder(this.#layout)}/${instantFileName({ instant, action, state, completionTime: null })}`,
    )
  }
}
