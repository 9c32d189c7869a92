// Hudi's instants: the time an action began (or was completed) as `yyyyMMddHHmmssSSS` in UTC. They are compared
// as text; 17 digits sort like the times they stand for. Class HoodieInstantTimeGenerator.
import { InvariantError } from '#common/errors.ts'

/** 17 digits, `yyyyMMddHHmmssSSS`, UTC. */
export type InstantTime = string

/** Before every instant. */
export const firstInstant: InstantTime = '00010101000000000'

const pattern = /^(\d{4})(\d{2})(\d{2})(\d{2})(\d{2})(\d{2})(\d{3})$/

export function isInstant(text: string): boolean {
  return pattern.test(text)
}

/** `ms` since the epoch, as an instant. */
export function formatInstant(ms: number): InstantTime {
  return new Date(ms).toISOString().replaceAll(/\D/g, '')
}

/** Milliseconds since the epoch. @throws InvariantError when the text is no instant */
export function parseInstant(instant: InstantTime): number {
  const parts = pattern.exec(instant)
  if (parts === null) throw new InvariantError(`Not an instant: ${instant}`, { code: 'INTERNAL' })
  const [year, month, day, hour, minute, second, ms] = parts.slice(1).map(Number) as [
    number,
    number,
    number,
    number,
    number,
    number,
    number,
  ]
  const date = new Date(0)
  date.setUTCFullYear(year, month - 1, day)
  return date.setUTCHours(hour, minute, second, ms)
}

/** The earliest instant that is neither before `nowMs` nor at or before `after`. */
export function instantAfter(after: InstantTime, nowMs: number): InstantTime {
  return formatInstant(Math.max(nowMs, parseInstant(after) + 1))
}

export function laterInstant(a: InstantTime, b: InstantTime): InstantTime {
  return a > b ? a : b
}
