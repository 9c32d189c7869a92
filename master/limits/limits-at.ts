// Which limits of a DataSource hold at a moment. Windows are times of the day where their time zone is, so that a night is a
// night there in summer too.
import type { LimitsInForce, PlannedLimits } from '#api/source-limits.ts'
import { weekdays } from '#api/source-limits.ts'

type Window = PlannedLimits['windows'][number]

/** @param nowMs since the epoch */
export function limitsAt(limits: PlannedLimits, nowMs: number): LimitsInForce {
  const window = limits.windows.find(each => isWithin(each, nowMs))
  return {
    records: window?.recordsPerSecond ?? limits.recordsPerSecond,
    bytes: window?.bytesPerSecond ?? limits.bytesPerSecond,
    queries: window?.queriesInFlight ?? limits.queriesInFlight,
    connections: limits.connections,
  }
}

function isWithin({ from, to, timeZone, days }: Window, nowMs: number): boolean {
  const { day, time } = localTime(timeZone, nowMs)
  const begins = (index: number): boolean => days.includes(weekdays[(index + 7) % 7]!)
  if (from < to) return begins(day) && time >= from && time < to
  // Over midnight: it began today, or yesterday and has not ended.
  return (begins(day) && time >= from) || (begins(day - 1) && time < to)
}

const formats = new Map<string, Intl.DateTimeFormat>()

/** Day of the week, 0 for Monday, and time of the day as `HH:MM`. */
function localTime(timeZone: string, nowMs: number): { day: number; time: string } {
  let format = formats.get(timeZone)
  if (format === undefined) {
    const parts = { weekday: 'short', hour: '2-digit', minute: '2-digit', hourCycle: 'h23' } as const
    format = new Intl.DateTimeFormat('en', { timeZone, ...parts })
    formats.set(timeZone, format)
  }
  const part = new Map(format.formatToParts(nowMs).map(({ type, value }) => [type, value]))
  return {
    day: (weekdays as readonly string[]).indexOf(part.get('weekday')!),
    time: `${part.get('hour')}:${part.get('minute')}`,
  }
}
