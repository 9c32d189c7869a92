// The past of a table in the worlds of the real writer: what its state was as of any commit, and what any range of
// commits changed, from the positions in the journal and the changes that lie between them.
import type { RowChange } from '#test/lake/table/vectors.ts'

interface RawEntry {
  seq: number
  instant: { time: string; completionTime: string } | null
  positions: Record<string, string>
}

interface Commit {
  instant: string
  completionTime: string
  changes: readonly RowChange[]
}

/** Changes of a split from one position to another. */
export type ChangesBetween = (split: string, from: number, to: number) => readonly RowChange[]

const journal = '.hoodie/.sluice/journal/'

export class RealHistory {
  readonly #changesBetween: ChangesBetween
  readonly #commits: Commit[] = []
  #newestPath = ''
  #positions: Readonly<Record<string, string>> = {}

  constructor(changesBetween: ChangesBetween) {
    this.#changesBetween = changesBetween
  }

  /** Call after every change of the store: no entry may be missed. */
  note(objects: ReadonlyMap<string, Uint8Array>): void {
    let newest = this.#newestPath
    for (const path of objects.keys()) if (path.startsWith(journal) && path > newest) newest = path
    if (newest === this.#newestPath) return
    this.#newestPath = newest
    const { instant, positions } = JSON.parse(Buffer.from(objects.get(newest)!).toString()) as RawEntry
    const before = this.#positions
    this.#positions = positions
    if (instant === null) return
    const changes = Object.entries(positions).flatMap(([split, to]) =>
      split.startsWith('idle/') ? [] : this.#changesBetween(split, Number(before[split] ?? 0), Number(to)),
    )
    this.#commits.push({ instant: instant.time, completionTime: instant.completionTime, changes })
  }

  /** Instants and completion times of the commits, in the order they were made. */
  get commits(): readonly Omit<Commit, 'changes'>[] {
    return this.#commits
  }

  /** The rows as of an instant, as sorted texts. @param count when only so many commits were there */
  asOf(instant: string, count = this.#commits.length): string[] {
    return rowsAfter(this.#commits.slice(0, count).filter(commit => commit.instant <= instant))
  }

  /** What the commits changed that completed after `from`, up to `to`. @param count when only so many were there */
  between(from: string, to: string, count = this.#commits.length): string[] {
    const within = ({ completionTime }: Commit): boolean => completionTime > from && completionTime <= to
    return rowsAfter(this.#commits.slice(0, count).filter(within))
  }
}

/** Of each key the change with the greatest sequence, of equal ones the later; deletes leave nothing. */
function rowsAfter(commits: readonly Commit[]): string[] {
  const newest = new Map<string, RowChange>()
  for (const change of commits.flatMap(({ changes }) => changes)) {
    const id = change.row['id'] as string
    if ((newest.get(id)?.seq ?? 0) <= change.seq) newest.set(id, change)
  }
  return [...newest.values()]
    .filter(({ op }) => op !== 'delete')
    .map(({ row }) => `${row['id'] as string}=${String(row['note'])}`)
    .sort()
}
