// Aligned columns and sizes as people read them.

export interface TextColumn {
  title: string
  /** Numbers are; text is not. */
  right?: boolean
}

/** Lines of a table with a heading; the last column is not padded. */
export function textTable(columns: readonly TextColumn[], rows: readonly (readonly string[])[]): string[] {
  const widths = columns.map(({ title }, at) => Math.max(title.length, ...rows.map(row => row[at]!.length)))
  const line = (cells: readonly string[]): string =>
    cells
      .map((cell, at) => (columns[at]!.right ? cell.padStart(widths[at]!) : cell.padEnd(widths[at]!)))
      .join('  ')
      .trimEnd()
  return [line(columns.map(({ title }) => title)), ...rows.map(line)]
}

/** `name  value` lines with the values under each other. */
export function textFields(fields: readonly (readonly [name: string, value: string])[]): string[] {
  const width = Math.max(...fields.map(([name]) => name.length))
  return fields.map(([name, value]) => `${name.padEnd(width)}  ${value}`)
}

export function countText(value: number): string {
  return value.toLocaleString('en-US')
}

const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB', 'PiB']

/** `0 B`, `12.3 KiB`, `4.0 GiB`. */
export function bytesText(bytes: number): string {
  let value = bytes
  let unit = 0
  for (; value >= 1024 && unit < units.length - 1; unit++) value /= 1024
  return `${unit === 0 ? value : value.toFixed(1)} ${units[unit]}`
}

/** `12s`, `3m20s`, `5h07m`, `12d03h`. */
export function ageText(ms: number): string {
  const seconds = Math.round(ms / 1000)
  if (seconds < 60) return `${seconds}s`
  if (seconds < 3600) return pair(seconds, 60, 'ms')
  return seconds < 86_400
    ? pair(Math.floor(seconds / 60), 60, 'hm')
    : pair(Math.floor(seconds / 3600), 24, 'dh')
}

function pair(value: number, per: number, names: string): string {
  return `${Math.floor(value / per)}${names[0]}${String(value % per).padStart(2, '0')}${names[1]}`
}

/** An instant as a time: `2026-11-24 23:17:00.123`. */
export function instantText(instant: string): string {
  return instant.replace(/^(\d{4})(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)(\d{3})$/, '$1-$2-$3 $4:$5:$6.$7')
}
