// Results as text: a line while it runs, a Markdown table at the end.
import type { Measurement } from './sluice-run.ts'

export interface Result extends Measurement {
  scenario: string
  engine: string
  note: string
}

export function cpuSecondsPerMillion({ cpuSeconds, rows }: Pick<Result, 'cpuSeconds' | 'rows'>): number {
  return (cpuSeconds * 1e6) / rows
}

export function line(result: Result): string {
  const rate = Math.round(result.rows / result.wallSeconds).toLocaleString('en-US')
  const steady = Number.isNaN(result.steadyRowsPerSecond)
    ? '–'
    : Math.round(result.steadyRowsPerSecond).toLocaleString('en-US')
  const cost = cpuSecondsPerMillion(result).toFixed(1)
  return `${result.scenario} · ${result.engine}: ${rate} rows/s whole process, ${steady} steady, ${cost} CPU-s/M, first rows ${result.firstRowsSeconds.toFixed(2)} s, peak ${result.peakRssMib.toFixed(0)} MiB ${result.note}`
}

export function table(results: readonly Result[]): string {
  const head =
    '| work | engine | rows | wall s | rows/s whole | rows/s steady | CPU-s per 1 M rows | first rows s | peak RSS MiB | |\n|---|---|---|---|---|---|---|---|---|---|'
  const rows = results.map(result =>
    [
      result.scenario,
      result.engine,
      result.rows.toLocaleString('en-US'),
      result.wallSeconds.toFixed(1),
      Math.round(result.rows / result.wallSeconds).toLocaleString('en-US'),
      Number.isNaN(result.steadyRowsPerSecond)
        ? '–'
        : Math.round(result.steadyRowsPerSecond).toLocaleString('en-US'),
      cpuSecondsPerMillion(result).toFixed(1),
      Number.isNaN(result.firstRowsSeconds) ? '–' : result.firstRowsSeconds.toFixed(2),
      result.peakRssMib.toFixed(0),
      result.note,
    ].join(' | '),
  )
  return `${head}\n${rows.map(row => `| ${row} |`).join('\n')}\n`
}
