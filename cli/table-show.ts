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
  ]
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
