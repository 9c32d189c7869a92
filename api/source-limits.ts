// How fast a DataSource may be read at most: `protection.limits`. The numbers hold at any time, and other ones in windows of
// the week; which of them hold at a moment is master/limits/limits-at.ts's to say.
import { z } from 'zod'
import { quantityAtLeast } from './quantity.ts'
import { withRule } from './rules.ts'

export const weekdays = ['Mon', 'Tue', 'Wed', 'Thu', 'Fri', 'Sat', 'Sun'] as const

const recordsPerSecond = z.int32().min(1).max(1_000_000_000)
const bytesPerSecond = quantityAtLeast('1Ki')

const queriesInFlight = z.int32().min(1).max(10_000)

/** With fewer a worker can do nothing: one for a snapshot that is held open, one for its reader, one for what is brief. */
export const workerConnectionsMin = 3
/** Of those of a source, what is kept for the pods that check, probe and tear down jobs: one for each kind. */
export const connectionsKept = 3
const connections = z
  .int32()
  .min(workerConnectionsMin + connectionsKept)
  .max(10_000)

const timeOfDay = z
  .string()
  .regex(/^([01]\d|2[0-3]):[0-5]\d$/, 'use a time of the day such as 06:00 or 22:30')

const names = ['recordsPerSecond', 'bytesPerSecond', 'queriesInFlight'] as const

const window = withRule(
  z.strictObject({
    from: timeOfDay.describe('When the window begins: `22:00`.'),
    to: timeOfDay.describe('When it ends: `06:00`. A time before `from` is one of the next day.'),
    timeZone: z
      .string()
      .min(1)
      .max(64)
      .default('UTC')
      .refine(isTimeZone, 'use the name of a time zone such as UTC or Europe/Berlin')
      .describe('The time zone of `from`, `to` and `days`.'),
    days: z
      .array(z.enum(weekdays))
      .min(1)
      .max(7)
      .default([...weekdays])
      .describe('Days on which the window begins. Default: every day.'),
    recordsPerSecond: recordsPerSecond.optional().describe('In the window, in place of the one outside.'),
    bytesPerSecond: bytesPerSecond.optional().describe('In the window, in place of the one outside.'),
    queriesInFlight: queriesInFlight.optional().describe('In the window, in place of the one outside.'),
  }),
  {
    rule: 'self.from != self.to && (has(self.recordsPerSecond) || has(self.bytesPerSecond) || has(self.queriesInFlight))',
    message:
      'a window has two different times, and at least one of `recordsPerSecond`, `bytesPerSecond` and `queriesInFlight`',
    test: ({ from, to, ...limits }) => from !== to && names.some(name => limits[name] !== undefined),
  },
)

const limits = withRule(
  withRule(
    z.strictObject({
      recordsPerSecond: recordsPerSecond
        .optional()
        .describe('Rows, changes or records read of it in a second, at most. Default: no limit.'),
      bytesPerSecond: bytesPerSecond
        .optional()
        .describe(
          'Bytes of them in a second as the server sends them, at most: `10Mi`. Kafka sends what producers compressed as it is. Default: no limit.',
        ),
      queriesInFlight: queriesInFlight
        .optional()
        .describe(
          'Queries that read whole tables at the same time, at most: the ranges of snapshots, each on a connection of its own. Streams, and the short questions of planning, are not counted. Kafka has no such queries. Default: no limit.',
        ),
      connections: connections
        .optional()
        .describe(
          'Connections to it at the same time, at most: those of all workers, and of the pods that check, probe and tear down jobs. Each worker needs 3, and 3 are kept for those pods. With `type: postgres` only. Windows do not change it. Default: no limit.',
        ),
      windows: z
        .array(window)
        .max(16)
        .default([])
        .describe('Times of the week with other limits. Of two that overlap the first in the list holds.'),
    }),
    {
      rule: 'has(self.recordsPerSecond) || has(self.bytesPerSecond) || has(self.queriesInFlight) || has(self.connections)',
      message:
        'give at least one of `recordsPerSecond`, `bytesPerSecond`, `queriesInFlight` and `connections`',
      test: given => given.connections !== undefined || names.some(name => given[name] !== undefined),
    },
  ),
  {
    rule: '!has(self.windows) || self.windows.all(w, (!has(w.recordsPerSecond) || has(self.recordsPerSecond)) && (!has(w.bytesPerSecond) || has(self.bytesPerSecond)) && (!has(w.queriesInFlight) || has(self.queriesInFlight)))',
    message: 'a window changes limits that hold outside of it: give each of them there too',
    test: given =>
      given.windows.every(each => names.every(name => each[name] === undefined || given[name] !== undefined)),
  },
)

export const protection = z
  .strictObject({
    limits: limits
      .optional()
      .describe('How fast it may be read at most, by the snapshots and streams of all SyncJobs together.'),
  })
  .describe('What keeps the server from being asked for more than it can give.')

export type Protection = z.infer<typeof protection>
export type SourceLimits = z.infer<typeof limits>

/** Plans of former versions have none. */
const plannedCount = z.int().positive().nullable().default(null)

/** As a plan has them, sizes as numbers. */
export const plannedLimits = z.strictObject({
  recordsPerSecond: z.number().positive().nullable(),
  bytesPerSecond: z.number().positive().nullable(),
  queriesInFlight: plannedCount,
  connections: plannedCount,
  windows: z.array(
    z.strictObject({
      from: timeOfDay,
      to: timeOfDay,
      timeZone: z.string().refine(isTimeZone),
      days: z.array(z.enum(weekdays)),
      recordsPerSecond: z.number().positive().nullable(),
      bytesPerSecond: z.number().positive().nullable(),
      queriesInFlight: plannedCount,
    }),
  ),
})

export type PlannedLimits = z.infer<typeof plannedLimits>

/** What is limited: by the second … */
export const rateUnits = ['records', 'bytes'] as const
export type RateUnit = (typeof rateUnits)[number]
/** … or at a time. */
export const limitedUnits = [...rateUnits, 'queries', 'connections'] as const
export type LimitedUnit = (typeof limitedUnits)[number]
/** Null: no limit. */
export type LimitsInForce = Readonly<Record<LimitedUnit, number | null>>

function isTimeZone(name: string): boolean {
  try {
    new Intl.DateTimeFormat('en', { timeZone: name })
    return true
  } catch {
    return false
  }
}
