// The log of a lane: lines go to the main thread, which writes them.
import type { LogFields, Logger, LogLevel, Severity } from '#common/logger.ts'
import { severities } from '#common/logger.ts'
import type { FromLane } from './lane-protocol.ts'

/** @param report hears of the lines that are urgent enough for the level */
export function forwardingLogger(
  level: LogLevel,
  report: (message: FromLane) => void,
  fields: LogFields = {},
): Logger {
  const least = level === 'silent' ? severities.length : severities.indexOf(level)
  const at =
    (severity: Severity) =>
    (message: string, more: LogFields = {}): void => {
      if (severities.indexOf(severity) < least) return
      report({ kind: 'log', severity, message, fields: { ...fields, ...more } })
    }
  return {
    debug: at('debug'),
    info: at('info'),
    warn: at('warn'),
    error: at('error'),
    child: more => forwardingLogger(level, report, { ...fields, ...more }),
  }
}
