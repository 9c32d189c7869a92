// The storage comparison as a figure and as a plot (SVG), which bench/README.md shows.
import type { StoredParts } from './lake/stored-parts.ts'
import { tableBytes } from './lake/stored-parts.ts'
import type { CopyBytes, StoredDay } from './scenarios/storage.ts'

const width = 640
const height = 320
const margin = 48
const mib = 1 << 20

const lines = [
  { name: '30 full copies, snappy', color: '#b0413e', value: ({ copies }: StoredDay) => copies.snappy },
  { name: '30 full copies, zstd', color: '#e08e45', value: ({ copies }: StoredDay) => copies.zstd },
  {
    name: 'Sluice, 30 days of history',
    color: '#2b7a78',
    value: ({ table }: StoredDay) => tableBytes(table),
  },
] as const

const partNames: Readonly<Record<keyof StoredParts, string>> = {
  newestBases: 'newest base file',
  olderBases: 'older base files',
  newLogs: 'logs of the last 24 hours',
  oldLogs: 'logs of the days before',
  metadata: 'journal and timeline',
}

/** The figures of the last day, where its bytes lie, and the mean over the days with a whole history. */
export function storageFigure(days: readonly StoredDay[]): string {
  const { day, table, copies } = days.at(-1)!
  const whole = days.filter(at => at.day >= 30)
  const saved = (codec: keyof CopyBytes): string => {
    const share = whole.reduce((sum, at) => sum + 1 - tableBytes(at.table) / at.copies[codec], 0)
    return `${((share / whole.length) * 100).toFixed(1)} % below copies in ${codec}`
  }
  const size = (bytes: number): string => `${(bytes / mib).toFixed(1)} MiB`
  const parts = Object.entries(partNames).map(
    ([part, name]) => `${name} ${size(table[part as keyof StoredParts])}`,
  )
  return [
    `day ${day}: table ${size(tableBytes(table))} (${parts.join(', ')});`,
    `30 copies ${size(copies.snappy)} (snappy), ${size(copies.zstd)} (zstd), ${size(copies.zstdSmall)} (zstdSmall);`,
    `from day 30 on the table is ${saved('snappy')}, ${saved('zstd')}, ${saved('zstdSmall')}`,
  ].join(' ')
}

export function storagePlot(days: readonly StoredDay[]): string {
  const dayMax = days.at(-1)!.day
  const bytesMax = Math.max(...days.flatMap(day => lines.map(({ value }) => value(day))))
  const x = (day: number): string => (margin + (day / dayMax) * (width - 2 * margin)).toFixed(1)
  const y = (bytes: number): string =>
    (height - margin - (bytes / bytesMax) * (height - 2 * margin)).toFixed(1)
  const paths = lines.map(({ color, value }) => {
    const points = days.map(day => `${x(day.day)},${y(value(day))}`).join(' ')
    return `<polyline fill="none" stroke="${color}" stroke-width="2" points="${points}"/>`
  })
  const legend = lines.map(
    ({ name, color }, at) =>
      `<text x="${margin + 12}" y="${margin + 4 + at * 18}" fill="${color}">${name}</text>`,
  )
  const ticks = [0, 0.5, 1].map(
    share =>
      `<text x="${margin - 6}" y="${y(bytesMax * share)}" text-anchor="end">${((bytesMax * share) / mib).toFixed(0)}</text>`,
  )
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" font-family="sans-serif" font-size="12">
<rect width="${width}" height="${height}" fill="white"/>
<path d="M${margin} ${margin}V${height - margin}H${width - margin}" fill="none" stroke="#888"/>
<text x="${margin}" y="${margin - 20}">MiB stored, 5 % of the rows changed a day</text>
<text x="${width - margin}" y="${height - margin + 28}" text-anchor="end">day ${dayMax}</text>
${[...ticks, ...paths, ...legend].join('\n')}
</svg>
`
}
