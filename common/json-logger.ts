// Structured logs: one JSON object a line on stderr.
import winston from 'winston'
import type { LogFields, Logger, LogLevel } from './logger.ts'

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
