// How fast a DataSource may be read at most: `protection.limits`. The numbers hold at any time, and other ones in windows of
// the week; which of them hold at a moment is master/limits/limits-at.ts's to say.
import { z } from 'zod'
import { quantityAtLeast } from './quantity.ts'
import { withRule } from './rules.ts'

export const weekdays = ['Mon', 'Tue', 'Wed', 'Thu', 'Fri', 'Sat', 'Sun'] as const

const recordsPerSecond = z.int32().min(1).max(1_000_000_000)
const bytesPerSecond = quantityAtLeast('1Ki')

const timeOfDay = z
  .string()
  .regex(/^([01]\d|2[0-3]):[0-5]\d$/, 'use a time of the day such as 06:00 or 22:30')

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
  }),
  {
    rule: 'self.from != self.to && (has(self.recordsPerSecond) || has(self.bytesPerSecond))',
    message: 'a window has two different times, and at least one of `recordsPerSecond` and `bytesPerSecond`',
    test: ({ from, to, ...limits }) =>
      from !== to && (limits.recordsPerSecond !== undefined || limits.bytesPerSecond !== undefined),
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
      windows: z
        .array(window)
        .max(16)
        .default([])
        .describe('Times of the week with other limits. Of two that overlap the first in the list holds.'),
    }),
    {
      rule: 'has(self.recordsPerSecond) || has(self.bytesPerSecond)',
      message: 'give at least one of `recordsPerSecond` and `bytesPerSecond`',
      test: given => given.recordsPerSecond !== undefined || given.bytesPerSecond !== undefined,
    },
  ),
  {
    rule: '!has(self.windows) || self.windows.all(w, (!has(w.recordsPerSecond) || has(self.recordsPerSecond)) && (!has(w.bytesPerSecond) || has(self.bytesPerSecond)))',
    message: 'a window changes limits that hold outside of it: give each of them there too',
    test: given =>
      given.windows.every(
        each =>
          (each.recordsPerSecond === undefined || given.recordsPerSecond !== undefined) &&
          (each.bytesPerSecond === undefined || given.bytesPerSecond !== undefined),
      ),
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

/** As a plan has them, sizes as numbers. */
export const plannedLimits = z.strictObject({
  recordsPerSecond: z.number().positive().nullable(),
  bytesPerSecond: z.number().positive().nullable(),
  windows: z.array(
    z.strictObject({
      from: timeOfDay,
      to: timeOfDay,
      timeZone: z.string().refine(isTimeZone),
      days: z.array(z.enum(weekdays)),
      recordsPerSecond: z.number().positive().nullable(),
      bytesPerSecond: z.number().positive().nullable(),
    }),
  ),
})

export type PlannedLimits = z.infer<typeof plannedLimits>

/** What is limited. */
export const limitedUnits = ['records', 'bytes'] as const
export type LimitedUnit = (typeof limitedUnits)[number]
/** Per second; null: no limit. */
export type Rates = Readonly<Record<LimitedUnit, number | null>>

function isTimeZone(name: string): boolean {
  try {
    new Intl.DateTimeFormat('en', { timeZone: name })
    return true
  } catch {
    return false
  }
}
