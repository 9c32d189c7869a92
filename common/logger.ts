// Structured logs, one JSON object a line on stderr. Values of secrets never reach here: specs are logged by
// name only, and errors carry codes and facts, not rows.
import winston from 'winston'
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

export type LogLevel = 'debug' | 'info' | 'warn' | 'error' | 'silent'

export function createLogger(level: LogLevel, fields: LogFields = {}): Logger {
  return winston.createLogger({
    level: level === 'silent' ? 'error' : level,
    silent: level === 'silent',
    levels: { error: 0, warn: 1, info: 2, debug: 3 },
    format: winston.format.combine(winston.format.timestamp(), winston.format.json()),
    defaultMeta: fields,
    transports: [new winston.transports.Console({ stderrLevels: ['error', 'warn', 'info', 'debug'] })],
  })
}

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
