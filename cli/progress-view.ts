// The live view of `sluice run`: per job and table, rows, rows/s, lag and the last commit. Rendering is pure; on
// a terminal the view is drawn in place, elsewhere a line a job is printed now and then.
import type { WorkerStatus, WorkerTableStatus } from '#api/worker-status.ts'

/** One look at a job, with the time it was taken: two of them give a rate. */
export interface Look {
  status: WorkerStatus
  atMs: number
}

/** The view as text lines. `before` is an earlier look at the same job, for the rates. */
export function renderJob(now: Look, before: Look | null): string[] {
  const { status } = now
  const head = `${status.job.namespace}/${status.job.name}  ${status.phase}  ${summary(now, before)}`
  const width = Math.max(5, ...status.tables.map(table => table.name.length))
  const rows = status.tables.map(table => tableLine(table, width, { now, before }))
  const error = status.error ? [`  ${status.error.code}: ${status.error.message}`] : []
  return [
    head,
    `  ${'TABLE'.padEnd(width)} ${'ROWS'.padStart(12)} ${'ROWS/S'.padStart(10)} ${'LAG'.padStart(8)}  LAST COMMIT`,
    ...rows,
    ...error,
  ]
}

/** The job in one line, for logs. */
export function renderLine(now: Look, before: Look | null): string {
  const { job, phase, error } = now.status
  const failure = error ? `  ${error.code}: ${error.message}` : ''
  return `${job.namespace}/${job.name}  ${phase}  ${summary(now, before)}${failure}`
}

function summary(now: Look, before: Look | null): string {
  const rate = ratePerSecond(
    now.status.rowsTotal,
    before?.status.rowsTotal ?? null,
    now.atMs - (before?.atMs ?? now.atMs),
  )
  return `${count(now.status.rowsTotal)} rows  ${rate === null ? '–' : count(rate)} rows/s  lag ${lag(now.status.lagMs)}`
}

function tableLine(
  table: WorkerTableStatus,
  width: number,
  { now, before }: { now: Look; before: Look | null },
): string {
  const earlier = before?.status.tables.find(one => one.name === table.name)
  const rate = ratePerSecond(
    table.rowsTotal,
    earlier?.rowsTotal ?? null,
    now.atMs - (before?.atMs ?? now.atMs),
  )
  const columns = [
    table.name.padEnd(width),
    count(table.rowsTotal).padStart(12),
    (rate === null ? '–' : count(rate)).padStart(10),
    lag(table.lagMs).padStart(8),
    ` ${table.lastCommit ?? '–'}`,
  ]
  return `  ${columns.join(' ')}`
}

function ratePerSecond(total: number, earlier: number | null, elapsedMs: number): number | null {
  return earlier === null || elapsedMs <= 0
    ? null
    : Math.max(0, Math.round(((total - earlier) * 1000) / elapsedMs))
}

function count(value: number): string {
  return value.toLocaleString('en-US')
}

/** `0.4s`, `12s`, `3m20s`; a dash when it is not known. */
export function lag(lagMs: number | null): string {
  if (lagMs === null) return '–'
  if (lagMs < 10_000) return `${(lagMs / 1000).toFixed(1)}s`
  const seconds = Math.round(lagMs / 1000)
  if (seconds < 60) return `${seconds}s`
  return `${Math.floor(seconds / 60)}m${String(seconds % 60).padStart(2, '0')}s`
}

/** Where the view is drawn. */
export interface Screen {
  isTTY?: boolean
  write(text: string): unknown
}

export class ProgressView {
  readonly #screen: Screen
  readonly #history = new Map<string, Look[]>()
  #drawnLines = 0

  constructor(screen: Screen) {
    this.#screen = screen
  }

  /** How often draw() should be called. */
  get intervalMs(): number {
    return this.#screen.isTTY ? 500 : 5000
  }

  draw(looks: readonly Look[]): void {
    const views = looks.map(now => ({ now, before: this.#remember(now) }))
    if (!this.#screen.isTTY) {
      for (const { now, before } of views) this.#screen.write(`${renderLine(now, before)}\n`)
      return
    }
    const lines = views.flatMap(({ now, before }) => renderJob(now, before))
    const up = this.#drawnLines > 0 ? `\x1b[${this.#drawnLines}A` : ''
    this.#screen.write(up + lines.map(line => `\x1b[2K${line}\n`).join(''))
    this.#drawnLines = lines.length
  }

  /** Keeps a few looks and returns the oldest: the rate is over a few seconds, not over one frame. */
  #remember(now: Look): Look | null {
    const key = `${now.status.job.namespace}/${now.status.job.name}`
    const looks = this.#history.get(key) ?? []
    this.#history.set(key, [...looks, now].slice(-6))
    return looks[0] ?? null
  }
}
