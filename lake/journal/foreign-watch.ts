// Notices what other engines do to the timeline. Their instants are in no journal entry, yet our steps must not clash
// with them over a file group, must know the columns they added, and must complete after all of them: a log that
// completes before a compaction that was planned without it would be lost. So the end of the timeline is listed before
// each step is taken, beside the request for hoodie.properties.
import type { ForeignCommit } from './foreign-commit.ts'
import { clashingFileGroup, usesNoFileGroup } from './clash.ts'
import { fileGroupUseOf, journalSeqKey } from './foreign-commit.ts'
import { checkpointText } from './stored-checkpoint.ts'
import type { FileGroupUse, JournalEntry } from './entry.ts'
import { conflict } from './step.ts'
import type { ForeignTimes } from './table-state.ts'
import type { ObjectStore } from '#lake/storage/object-store.ts'
import { decodeCommitMetadata } from '#lake/timeline/commit-metadata.ts'
import type { TimelineLayout } from '#lake/timeline/instant-file.ts'
import type { InstantTime } from '#lake/timeline/instant.ts'
import { firstInstant, formatInstant, laterInstant, parseInstant } from '#lake/timeline/instant.ts'
import type { TimelineInstant } from '#lake/timeline/timeline.ts'
import { findInstant, latestTimes, loadTimeline } from '#lake/timeline/timeline.ts'

/** How far instants may be out of order when they first appear: engines take one, write a file, and show it. */
const windowMs = 300_000
const writingActions: ReadonlySet<string> = new Set(['commit', 'deltacommit', 'replacecommit'])
const pendingWrites: ReadonlySet<string> = new Set([...writingActions, 'clustering'])
/** A writer that has not heard of so many commits lists the table again in any case. */
const rememberedCommits = 1_000

export class ForeignWatch {
  readonly #store: ObjectStore
  readonly #layout: TimelineLayout
  /** Completed instants that were looked at, none before `#from`. */
  readonly #seen = new Set<InstantTime>()
  /** Instants before `#from` that were pending when last looked at. */
  #pending: readonly InstantTime[] = []
  /** Where the next listing begins: whatever is earlier was seen, and is complete but for the pending ones. */
  #from: InstantTime = firstInstant
  #count = 0
  #commits: ForeignCommit[] = []
  #newest: ForeignCommit | null = null
  /** Completed commits at the beginning. */
  #first: readonly TimelineInstant[] = []
  readonly #replaced = new Set<string>()
  /** Pending instants that add or retire files. */
  #writing: ReadonlySet<InstantTime> = new Set()
  /** The latest instant that is complete. */
  #lastCompleted: InstantTime = firstInstant
  /** A commit of Hudi Streamer, later than what the journal holds. */
  streamed: ForeignCommit | null = null
  times: ForeignTimes = { instant: firstInstant, completionTime: firstInstant }

  constructor(store: ObjectStore, layout: TimelineLayout) {
    this.#store = store
    this.#layout = layout
  }

  /** How many foreign commits were noticed so far. */
  get count(): number {
    return this.#count
  }

  /** The foreign commit that completed last, if no commit of the journal was seen to complete after it. */
  get newest(): ForeignCommit | null {
    return this.#newest
  }

  /** Whether the timeline has the instant, pending or complete. */
  hasInstant(instant: InstantTime): boolean {
    return this.#seen.has(instant) || this.#writing.has(instant)
  }

  /**
   * An engine under optimistic concurrency control looks only at commits whose instant is later than the last that
   * was complete when it began: it would not see a clash with an earlier one. Only logs may be committed then.
   * @throws ConflictError COMMIT_CONFLICT
   */
  checkVisible(instant: InstantTime, { created = [], rewritten = [], replaced = [] }: FileGroupUse): void {
    const groups = created.length + rewritten.length + replaced.length
    if (groups === 0 || this.#writing.size === 0 || instant > this.#lastCompleted) return
    throw conflict('Another engine that is writing would not see the commit', { instant })
  }

  /**
   * Whether a step goes together with the commits noticed after there had been so many, when it was staged.
   * @throws ConflictError COMMIT_CONFLICT
   */
  checkFileGroups(staged: FileGroupUse, known: number): void {
    const fresh = this.#count - known
    if (fresh > this.#commits.length && !usesNoFileGroup(staged))
      throw conflict('Other engines made commits that cannot be looked at any more', { known })
    for (const { instant, fileGroups } of fresh <= 0 ? [] : this.#commits.slice(-fresh)) {
      const group = clashingFileGroup(staged, fileGroups, this.#layout)
      if (group !== null) throw conflict(`Another engine changed file group ${group}`, { instant, group })
    }
    // What is added to a retired file group is never read.
    const { created = [], rewritten = [], logged = [], compacted = [] } = staged
    const retired = [...created, ...rewritten, ...logged, ...compacted].find(group =>
      this.#replaced.has(group),
    )
    if (retired !== undefined) throw conflict(`Another engine retired file group ${retired}`, { retired })
  }

  /** Takes the table as it stands: what was done before is in the files that are listed from now on. */
  async begin(): Promise<void> {
    const timeline = await loadTimeline(this.#store, this.#layout)
    this.#note(timeline)
    const written = (this.#first = timeline.filter(isWritten))
    const newest = written.toSorted((a, b) => (a.completionTime! < b.completionTime! ? 1 : -1))[0]
    if (newest !== undefined) this.#newest = await this.#foreignCommit(newest)
  }

  /** Looks for Hudi Streamer's among the commits there were at the beginning that completed after the time. */
  async findStreamed(completionTime: InstantTime): Promise<void> {
    for (const at of this.#first) {
      if (at.completionTime! <= completionTime) continue
      const commit = await this.#foreignCommit(at)
      if (commit !== null && commit.checkpoint !== null) this.streamed = commit
    }
  }

  /**
   * Whether all of the entry was in place when the table was opened. It is not done again then: by the time the request
   * arrives the instant may have left the timeline. Of a compaction the files come after the instant.
   */
  foundDone({ instant, kind }: JournalEntry): boolean {
    return kind !== 'compact' && instant !== null && this.#first.some(at => at.instant === instant.time)
  }

  /** One listing, and a request for each commit it finds that `isOurs` does not know. */
  async look(isOurs: (instant: InstantTime) => boolean): Promise<void> {
    const timeline = await this.#listed()
    const fresh = timeline.filter(at => isWritten(at) && !this.#seen.has(at.instant))
    if (fresh.length > 0 && (await this.#hasGap(timeline))) {
      this.#commits = []
      this.#count++
    }
    const found = await Promise.all(
      fresh.map(async at => (isOurs(at.instant) ? null : this.#foreignCommit(at))),
    )
    const newestOurs = fresh.filter((_, index) => found[index] === null).map(at => at.completionTime!)
    const commits = found.filter(commit => commit !== null)
    this.#commits = [...this.#commits, ...commits].slice(-rememberedCommits)
    this.#count += commits.length
    this.streamed = commits.find(({ checkpoint }) => checkpoint !== null) ?? this.streamed
    for (const { fileGroups } of commits)
      for (const group of fileGroups.replaced ?? []) this.#replaced.add(group)
    for (const commit of commits)
      if (commit.completionTime > (this.#newest?.completionTime ?? '')) this.#newest = commit
    const overtaken = this.#newest
    if (overtaken !== null && newestOurs.some(time => time > overtaken.completionTime)) this.#newest = null
    this.#note(timeline)
  }

  /**
   * Whether commits may have come and left the timeline unseen. Engines take them off in order, from the beginning: while
   * the last one that was known is there, so are all of later instants; earlier ones were known to be pending.
   */
  async #hasGap(timeline: readonly TimelineInstant[]): Promise<boolean> {
    const there = new Set(timeline.map(({ instant }) => instant))
    if ([...this.#writing].some(instant => !there.has(instant))) return true
    const last = this.#lastCompleted
    if (last === firstInstant || there.has(last)) return false
    return (await findInstant(this.#store, this.#layout, last)) === null
  }

  #note(timeline: readonly TimelineInstant[]): void {
    const latest = latestTimes(timeline)
    this.times = {
      instant: laterInstant(this.times.instant, latest.instant),
      completionTime: laterInstant(this.times.completionTime, latest.completionTime),
    }
    for (const at of timeline) {
      if (at.state !== 'completed') continue
      this.#seen.add(at.instant)
      if (writingActions.has(at.action)) this.#lastCompleted = laterInstant(this.#lastCompleted, at.instant)
    }
    const isWriting = ({ state, action }: TimelineInstant): boolean =>
      state !== 'completed' && pendingWrites.has(action)
    this.#writing = new Set(timeline.filter(isWriting).map(({ instant }) => instant))
    const from = formatInstant(Math.max(0, parseInstant(this.times.instant) - windowMs))
    this.#from = laterInstant(this.#from, from)
    const isPending = ({ instant, state }: TimelineInstant): boolean =>
      state !== 'completed' && instant <= this.#from
    this.#pending = timeline.filter(isPending).map(({ instant }) => instant)
    for (const instant of this.#seen) if (instant <= this.#from) this.#seen.delete(instant)
  }

  /** The end of the timeline, with what was pending before it. */
  async #listed(): Promise<TimelineInstant[]> {
    const [recent, ...pending] = await Promise.all([
      loadTimeline(this.#store, this.#layout, this.#from),
      ...this.#pending.map(instant => findInstant(this.#store, this.#layout, instant)),
    ])
    return [...pending.filter(at => at !== null), ...recent]
  }

  /** Null when the commit went through the journal, or was taken off the timeline meanwhile. */
  async #foreignCommit({ instant, completionTime, path }: TimelineInstant): Promise<ForeignCommit | null> {
    const bytes = await this.#store.get(path)
    if (bytes === null) return null
    const times = { instant, completionTime: completionTime! }
    const foreign = { ...times, fileGroups: {}, schema: null, checkpoint: null }
    // Java engines take an empty file for a commit of nothing.
    if (bytes.length === 0) return foreign
    const metadata = decodeCommitMetadata(bytes, { table: this.#store.url, path })
    const { schema = null, [journalSeqKey]: seq } = metadata.extraMetadata
    if (seq !== undefined) return null
    const checkpoint = checkpointText(metadata.extraMetadata)?.text ?? null
    return { ...foreign, fileGroups: fileGroupUseOf(metadata), schema, checkpoint }
  }
}

function isWritten({ state, action }: TimelineInstant): boolean {
  return state === 'completed' && writingActions.has(action)
}
