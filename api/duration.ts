// Durations as people write them in a resource: `30s`, `5m`, `1h30m`, `250ms`. A subset of what Go's
// time.ParseDuration takes, so the API server can check them with a pattern and compare them in CEL.
import { z } from 'zod'
import { ConfigError } from '#common/errors.ts'
import { withRule } from './rules.ts'

const unitMs = { h: 3_600_000, m: 60_000, s: 1_000, ms: 1 } as const

// Units from large to small, each at most once, at least one of them. No look-ahead: Kubernetes runs patterns
// with RE2, which has none.
const h = String.raw`\d+h(\d+m)?(\d+s)?(\d+ms)?`
const m = String.raw`\d+m(\d+s)?(\d+ms)?`
const s = String.raw`\d+s(\d+ms)?`
const pattern = new RegExp(String.raw`^(${h}|${m}|${s}|\d+ms)$`)

/** A duration field: a string such as `30s`; parseDuration gives its milliseconds. */
export const duration: z.ZodString = z
  .string()
  .max(32)
  .regex(pattern, { error: 'use a duration such as 500ms, 30s, 5m or 1h30m', abort: true })

/** A duration field with a smallest value. */
export function durationAtLeast(least: string): z.ZodString {
  return withRule(duration, {
    rule: `duration(self) >= duration('${least}')`,
    message: `must be at least ${least}`,
    test: text => parseDuration(text) >= parseDuration(least),
  })
}

/** Milliseconds. @throws ConfigError SPEC_INVALID when the text is not a duration */
export function parseDuration(text: string): number {
  if (!pattern.test(text))
    throw new ConfigError(`"${text}" is not a duration: use 500ms, 30s, 5m or 1h30m`, {
      code: 'SPEC_INVALID',
    })
  let total = 0
  for (const [, count, unit] of text.matchAll(/(\d+)(ms|[hms])/g))
    total += Number(count) * unitMs[unit as keyof typeof unitMs]
  return total
}

/** The shortest text that parseDuration reads back to the same whole milliseconds: `1h30m`. */
export function formatDuration(ms: number): string {
  let rest = Math.round(ms)
  let text = ''
  for (const [unit, size] of Object.entries(unitMs)) {
    const count = Math.floor(rest / size)
    if (count > 0) text += `${count}${unit}`
    rest -= count * size
  }
  return text === '' ? '0s' : text
}
