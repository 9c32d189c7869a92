import { expect } from 'chai'
import type { PlannedLimits } from '#api/source-limits.ts'
import { weekdays } from '#api/source-limits.ts'
import { limitsAt } from '#master/limits/limits-at.ts'

type Window = PlannedLimits['windows'][number]

const night: Window = {
  from: '22:00',
  to: '06:00',
  timeZone: 'UTC',
  days: [...weekdays],
  recordsPerSecond: 50_000,
  bytesPerSecond: null,
  queriesInFlight: null,
}

function recordsAt(time: string, ...windows: Window[]): number | null {
  const rates = { recordsPerSecond: 5_000, bytesPerSecond: 1_000_000 }
  const limits = { ...rates, queriesInFlight: null, connections: 20, windows }
  const { records, bytes, connections } = limitsAt(limits, Date.parse(time))
  expect(connections, 'no window changes them').to.equal(20)
  expect(bytes, 'a window leaves what it does not name').to.equal(1_000_000)
  return records
}

describe('limits at a moment', () => {
  const cases: { name: string; time: string; windows: Window[]; expected: number }[] = [
    { name: 'no window', time: '2026-01-05T23:00:00Z', windows: [], expected: 5_000 },
    { name: 'before it begins', time: '2026-01-05T21:59:59Z', windows: [night], expected: 5_000 },
    { name: 'when it begins', time: '2026-01-05T22:00:00Z', windows: [night], expected: 50_000 },
    { name: 'after midnight', time: '2026-01-06T05:59:59Z', windows: [night], expected: 50_000 },
    { name: 'when it ends', time: '2026-01-06T06:00:00Z', windows: [night], expected: 5_000 },
    {
      name: 'the night that begins on a Sunday, on Monday morning',
      time: '2026-01-05T01:00:00Z',
      windows: [{ ...night, days: ['Sun'] }],
      expected: 50_000,
    },
    {
      name: 'the morning of a day on which it only begins',
      time: '2026-01-04T01:00:00Z',
      windows: [{ ...night, days: ['Sun'] }],
      expected: 5_000,
    },
    {
      name: 'summer time of its time zone',
      time: '2026-07-06T20:00:00Z',
      windows: [{ ...night, timeZone: 'Europe/Berlin' }],
      expected: 50_000,
    },
    {
      name: 'winter time of its time zone',
      time: '2026-01-05T20:00:00Z',
      windows: [{ ...night, timeZone: 'Europe/Berlin' }],
      expected: 5_000,
    },
    {
      name: 'two that overlap: the first',
      time: '2026-01-05T23:00:00Z',
      windows: [{ ...night, from: '23:00', to: '23:30', recordsPerSecond: 1 }, night],
      expected: 1,
    },
  ]
  for (const { name, time, windows, expected } of cases)
    it(name, () => {
      expect(recordsAt(time, ...windows)).to.equal(expected)
    })
})
