// Cost against lateness of each policy, as a plot (SVG) that bench/README.md shows. Nearer to the lower left is better.
import type { PolicySum } from './compare.ts'
import { policies } from './policies.ts'
import type { PolicyKind } from './policy.ts'

const width = 640
const height = 360
const margin = 56

const colors: Record<PolicyKind['family'], string> = {
  Sluice: '#2b7a78',
  Flink: '#e08e45',
  KEDA: '#b0413e',
  fixed: '#777',
}

export function paretoPlot(points: readonly PolicySum[]): string {
  const hoursMax = Math.max(...points.map(({ replicaHours }) => replicaHours)) * 1.05
  const minutesMax = Math.max(...points.map(({ violationMinutes }) => violationMinutes)) * 1.05
  const x = (hours: number): number => margin + (hours / hoursMax) * (width - 2 * margin)
  const y = (minutes: number): number => height - margin - (minutes / minutesMax) * (height - 2 * margin)
  const marks = points.map(({ name, replicaHours, violationMinutes }) => {
    const { family } = policies.find(policy => policy.name === name)!
    const right = x(replicaHours) > width * 0.7
    const at = `x="${(x(replicaHours) + (right ? -8 : 8)).toFixed(1)}" y="${(y(violationMinutes) - 6).toFixed(1)}"`
    return `<circle cx="${x(replicaHours).toFixed(1)}" cy="${y(violationMinutes).toFixed(1)}" r="5" fill="${colors[family]}"/>
<text ${at} fill="${colors[family]}" text-anchor="${right ? 'end' : 'start'}">${name}</text>`
  })
  const ticks = [0.5, 1].flatMap(share => {
    const [hours, minutes] = [(hoursMax / 1.05) * share, (minutesMax / 1.05) * share]
    return [
      `<text x="${x(hours).toFixed(1)}" y="${height - margin + 16}" text-anchor="middle">${hours.toFixed(0)}</text>`,
      `<text x="${margin - 6}" y="${y(minutes).toFixed(1)}" text-anchor="end">${minutes.toFixed(0)}</text>`,
    ]
  })
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" font-family="sans-serif" font-size="12">
<rect width="${width}" height="${height}" fill="white"/>
<path d="M${margin} ${margin}V${height - margin}H${width - margin}" fill="none" stroke="#888"/>
<text x="${margin}" y="${margin - 20}">minutes in which a change was older than maxLag</text>
<text x="${width - margin}" y="${height - margin + 34}" text-anchor="end">replica-hours, a day of each trace</text>
${[...ticks, ...marks].join('\n')}
</svg>
`
}
