// What everything logs to. Values of secrets never reach here: specs are logged by name only, and errors carry codes
// and facts, not rows. What writes the lines is json-logger.ts.
import { SyncError, describeError } from './errors.ts'

export type LogFields = Readonly<Record<string, unknown>>

export interface Logger {
  debug(message: string, fields?: LogFields): void
  info(message: string, fields?: LogFields): void
  warn(message: string, fields?: LogFields): void
  error(message: string, fields?: LogFields): void
  /** A logger that adds these fields to every line. */
  child(fields: LogFields): Logger
}

/** How urgent a line is, the least urgent first. */
export const severities = ['debug', 'info', 'warn', 'error'] as const

export type Severity = (typeof severities)[number]

/** The least urgent lines that are written. */
export type LogLevel = Severity | 'silent'

export const silentLogger: Logger = {
  debug: () => undefined,
  info: () => undefined,
  warn: () => undefined,
  error: () => undefined,
  child: () => silentLogger,
}

/** The fields that describe an error in a log line. */
export function errorFields(error: unknown): LogFields {
  if (error instanceof SyncError) return { code: error.code, error: describeError(error), ...error.context }
  return { error: describeError(error), ...(error instanceof Error ? { stack: error.stack } : {}) }
}
