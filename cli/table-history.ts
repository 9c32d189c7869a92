// `sluice table history`: what the newest commits of a table did, and who they were.
import type { PositionMove } from '#catalog/position.ts'
import type { HistoryEntry } from '#lake/reader/history.ts'
import { bytesText, countText, instantText, textTable } from './text-table.ts'

const columns = [
  { title: 'INSTANT' },
  { title: 'COMPLETED' },
  { title: 'ACTION' },
  { title: 'INSERTED', right: true },
  { title: 'UPDATED', right: true },
  { title: 'DELETED', right: true },
  { title: 'WRITTEN', right: true },
  { title: 'FILES', right: true },
  { title: 'BYTES', right: true },
  { title: 'WRITER' },
  { title: 'MOVED' },
]

export function renderHistory(history: readonly HistoryEntry[]): string {
  if (history.length === 0) return 'The timeline is empty.'
  return textTable(columns, history.map(cells)).join('\n')
}

function cells(entry: HistoryEntry): string[] {
  const { rows } = entry
  const count = (value: number | undefined): string => (value === undefined ? '–' : countText(value))
  return [
    entry.instant,
    entry.completionTime === null ? entry.state : instantText(entry.completionTime),
    actionText(entry),
    count(rows?.inserted),
    count(rows?.updated),
    count(rows?.deleted),
    count(rows?.written),
    rows === null ? '–' : countText(entry.files),
    rows === null ? '–' : bytesText(entry.bytes),
    entry.writer?.replace(/\/[0-9a-f-]{36}$/, '') ?? '–',
    movesText(entry.moves),
  ]
}

function actionText({ action, operation, filesRemoved, archived }: HistoryEntry): string {
  const removed = filesRemoved === null ? '' : `, ${countText(filesRemoved)} files removed`
  const text = (operation === null ? action : `${action} ${operation}`) + removed
  return archived ? `${text}, archived` : text
}

/** What makes a line long is left to `--output json`: other splits here, and the number of the writer's start above. */
function movesText(moves: readonly PositionMove[] | null): string {
  if (moves === null) return '–'
  const [first, ...others] = moves
  if (first === undefined) return 'nothing'
  const more = others.length === 0 ? '' : `, and ${others.length} more`
  return `${first.split}: ${first.from ?? 'new'} → ${first.to ?? 'done'}${more}`
}
