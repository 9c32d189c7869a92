// `sluice table show`: what a table of the lake is and how it stands.
import type { FileTotals, TableReport } from '#lake/reader/table-report.ts'
import { ageText, bytesText, countText, instantText, textFields, textTable } from './text-table.ts'

export function renderReport(report: TableReport): string {
  const columns = report.columns.map(({ name, type, readable }) => [
    name,
    readable ? type : `${type} (not readable here)`,
  ])
  return [
    ...textFields(fieldsOf(report)),
    '',
    ...textTable([{ title: 'COLUMN' }, { title: 'TYPE' }], columns),
  ]
    .concat(positionLines(report))
    .join('\n')
}

function fieldsOf(report: TableReport): [string, string][] {
  return [
    ['table', `${report.name} at ${report.url}`],
    ['type', `${report.type}, table version ${report.version}`],
    ['key', report.key.join(', ') || 'none'],
    ['ordering', report.orderingField ?? 'none: the later commit wins'],
    ...(report.partitionFields.length === 0
      ? []
      : [
          ['partitions', `${countText(report.partitions)} by ${report.partitionFields.join(', ')}`] as [
            string,
            string,
          ],
        ]),
    ['file groups', countText(report.fileGroups)],
    ['base files', `${totalsText(report.base)}, ${countText(report.smallFiles)} below 100 MiB`],
    ['log files', totalsText(report.log)],
    ['other files', `${totalsText(report.other)} (earlier states, writes under way)`],
    ['commits', countText(report.commits)],
    ['newest commit', newestText(report)],
    ...serviceFields(report.services),
  ]
}

function serviceFields(services: TableReport['services']): [string, string][] {
  const { compaction, clustering, cleaning, logFilesMax, oldestPending, instants, history } = services
  const fields: [string, string][] = []
  if (logFilesMax > 0) fields.push(['most logs', `${countText(logFilesMax)} in one file group`])
  if (compaction !== null) fields.push(['compacted', instantText(compaction)])
  if (clustering !== null) fields.push(['clustered', instantText(clustering)])
  if (cleaning !== null) fields.push(['cleaned', instantText(cleaning)])
  fields.push(['timeline', `${countText(instants)} instants`])
  if (history !== null) {
    const range = `${instantText(history.first)} to ${instantText(history.last)}`
    fields.push(['history', `${totalsText(history)}, ${range}`])
  }
  if (oldestPending !== null) {
    const { instant, action } = oldestPending
    fields.push(['under way', `${action} since ${instantText(instant)}: nothing it may need is cleaned`])
  }
  return fields
}

function totalsText({ files, bytes }: FileTotals): string {
  return `${countText(files)}, ${bytesText(bytes)}`
}

function newestText({ newestCommit, lagMs }: TableReport): string {
  if (newestCommit === null) return 'none'
  const { instant, completionTime, action } = newestCommit
  const lag = lagMs === null ? 'local time of its writer' : `${ageText(lagMs)} ago`
  return `${instant} ${action}, completed ${instantText(completionTime)} (${lag})`
}

function positionLines({ positions }: TableReport): string[] {
  if (positions === null) return ['', 'Made by another tool: there is no journal with positions.']
  const splits = Object.entries(positions)
  if (splits.length === 0) return ['', 'No split has a position yet.']
  return ['', ...textTable([{ title: 'SPLIT' }, { title: 'POSITION' }], splits)]
}
