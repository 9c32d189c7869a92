// The storage comparison as a figure and as a plot (SVG), which bench/README.md shows.
import type { StoredDay } from './scenarios/storage.ts'

const width = 640
const height = 320
const margin = 48
const mib = 1 << 20

const lines = [
  { name: 'full copies, snappy', color: '#b0413e', value: (day: StoredDay) => day.snappyCopiesBytes },
  { name: 'full copies, zstd', color: '#e08e45', value: (day: StoredDay) => day.copiesBytes },
  { name: 'Sluice, 30 days of history', color: '#2b7a78', value: (day: StoredDay) => day.tableBytes },
] as const

/** A sentence with the figures of the last day, and the mean over the days with a whole history. */
export function storageFigure(days: readonly StoredDay[]): string {
  const last = days.at(-1)!
  const whole = days.filter(({ day }) => day >= 30)
  const saved = (copies: (day: StoredDay) => number): string => {
    const share = whole.reduce((sum, day) => sum + 1 - day.tableBytes / copies(day), 0) / whole.length
    return `${(share * 100).toFixed(1)} %`
  }
  const size = (bytes: number): string => `${(bytes / mib).toFixed(1)} MiB`
  return [
    `day ${last.day}: table ${size(last.tableBytes)}, 30 copies ${size(last.copiesBytes)} (zstd), ${size(last.snappyCopiesBytes)} (snappy);`,
    `from day 30 on the table is ${saved(day => day.copiesBytes)} below copies in zstd,`,
    `${saved(day => day.snappyCopiesBytes)} below copies in snappy`,
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
