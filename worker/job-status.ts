// What a worker knows about its job, folded from the lanes' reports: pure state, read by /status, the metrics
// and the progress view.
import type { ResyncProgress, WorkerPhase, WorkerStatus } from '#api/worker-status.ts'
import type { FromLane, LaneFailure } from './lane-protocol.ts'

interface SplitState {
  tables: readonly string[]
  newestReadAtMs: number | null
  newestCommittedAtMs: number | null
  /** What was read first after all before it was committed. */
  firstUncommittedAtMs: number | null
  caughtUp: boolean
  /** Tables with changes read from this split since their last commit are counted by what lies between. */
  readAfterCommit: boolean
}

interface TableState {
  rows: number
  bytes: number
  commits: number
  lastCommit: string | null
  lastCommitAtMs: number | null
}

export class JobStatus {
  readonly #job: { namespace: string; name: string }
  readonly #splits = new Map<string, SplitState>()
  readonly #tables = new Map<string, TableState>()
  /** Of the plan; null: none that this worker knows of. */
  resync: ResyncProgress | null = null
  #phase: WorkerPhase = 'starting'
  #failure: LaneFailure | null = null

  constructor(job: { namespace: string; name: string }) {
    this.#job = job
  }

  get phase(): WorkerPhase {
    return this.#failure ? 'failing' : this.#phase
  }
  get failure(): LaneFailure | null {
    return this.#failure
  }
  get rows(): number {
    return [...this.#tables.values()].reduce((sum, table) => sum + table.rows, 0)
  }
  get commits(): number {
    return [...this.#tables.values()].reduce((sum, table) => sum + table.commits, 0)
  }

  enter(phase: WorkerPhase, splits: readonly { id: string; tables: readonly string[] }[]): void {
    this.#phase = phase
    const held = new Set(splits.map(split => split.id))
    for (const id of this.#splits.keys()) if (!held.has(id)) this.#splits.delete(id)
    for (const { id, tables } of splits) {
      const known = this.#splits.get(id)
      if (known) known.tables = tables
      else
        this.#splits.set(id, {
          tables,
          newestReadAtMs: null,
          newestCommittedAtMs: null,
          firstUncommittedAtMs: null,
          caughtUp: false,
          readAfterCommit: false,
        })
      for (const table of tables) this.#table(table)
    }
  }

  failed(failure: LaneFailure): void {
    this.#failure = failure
  }

  recovered(): void {
    this.#failure = null
  }

  fold(message: FromLane, nowMs: number): void {
    if (message.kind === 'committed') {
      const table = this.#table(message.table)
      table.rows += message.rows
      table.bytes += message.bytes
      if (message.commit === null) return
      table.commits++
      table.lastCommit = message.commit
      table.lastCommitAtMs = nowMs
    } else if (message.kind === 'read') {
      const split = this.#splits.get(message.split)
      if (!split) return
      split.caughtUp = message.caughtUp
      if (message.newestAtMs !== null && message.newestAtMs !== split.newestReadAtMs) {
        // After a quiet hour the newest committed change is an hour old, and what came now is not.
        if (!split.readAfterCommit) split.firstUncommittedAtMs = message.newestAtMs
        split.readAfterCommit = true
      }
      split.newestReadAtMs = message.newestAtMs ?? split.newestReadAtMs
    } else if (message.kind === 'moved') {
      const split = this.#splits.get(message.split)
      if (!split || message.newestAtMs === null) return
      split.newestCommittedAtMs = Math.max(split.newestCommittedAtMs ?? 0, message.newestAtMs)
      if (split.newestReadAtMs === null || split.newestCommittedAtMs >= split.newestReadAtMs)
        split.readAfterCommit = false
    }
  }

  /** Age of what a split has read or has yet to read and not committed; 0 when it has everything; null when unknown. */
  splitLagMs(id: string, nowMs: number): number | null {
    const split = this.#splits.get(id)
    if (!split) return null
    if (split.caughtUp && !split.readAfterCommit) return 0
    const known = [split.newestCommittedAtMs, split.firstUncommittedAtMs].filter(atMs => atMs !== null)
    if (known.length === 0) return null
    return Math.max(0, nowMs - Math.max(...known))
  }

  splits(): readonly string[] {
    return [...this.#splits.keys()]
  }

  snapshot(nowMs: number): WorkerStatus {
    const tables = [...this.#tables].map(([name, table]) => ({
      name,
      rowsTotal: table.rows,
      lagMs: this.#tableLagMs(name, nowMs),
      lastCommit: table.lastCommit,
      lastCommitAt: table.lastCommitAtMs === null ? null : new Date(table.lastCommitAtMs).toISOString(),
      state: this.phase,
    }))
    const lags = tables.map(table => table.lagMs).filter(lag => lag !== null)
    return {
      job: this.#job,
      phase: this.phase,
      tables,
      lagMs: lags.length === 0 ? null : Math.max(...lags),
      rowsTotal: this.rows,
      error: this.#failure === null ? null : { code: this.#failure.code, message: this.#failure.message },
      resync: this.resync,
      splits: [...this.#splits.keys()],
      updatedAt: new Date(nowMs).toISOString(),
    }
  }

  #tableLagMs(name: string, nowMs: number): number | null {
    let greatest: number | null = null
    for (const [id, split] of this.#splits) {
      if (!split.tables.includes(name)) continue
      const lag = this.splitLagMs(id, nowMs)
      if (lag !== null) greatest = Math.max(greatest ?? 0, lag)
    }
    return greatest
  }

  #table(name: string): TableState {
    let table = this.#tables.get(name)
    if (!table)
      this.#tables.set(
        name,
        (table = { rows: 0, bytes: 0, commits: 0, lastCommit: null, lastCommitAtMs: null }),
      )
    return table
  }
}
