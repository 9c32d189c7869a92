// What a failure of the server, the network or TLS means to the caller. SQLSTATE classes:
// https://www.postgresql.org/docs/current/errcodes-appendix.html
import type { ErrorCode } from '#common/error-codes.ts'
import { ConfigError, PositionLostError, SyncError, TransientError, isAbort } from '#common/errors.ts'

/** Where we were connected to, for messages. */
export interface ServerAddress {
  host: string
  port: number
  database: string
  user: string
}

type ErrorClass = new (message: string, details: { code: ErrorCode; cause?: unknown }) => SyncError
type Meaning = readonly [ErrorClass, ErrorCode]

const byState: Readonly<Record<string, Meaning>> = {
  '28P01': [ConfigError, 'SOURCE_AUTH_FAILED'],
  '28000': [ConfigError, 'SOURCE_AUTH_FAILED'],
  '3D000': [ConfigError, 'PG_DATABASE_NOT_FOUND'],
  '42501': [ConfigError, 'PG_PERMISSION_DENIED'],
  '53400': [ConfigError, 'PG_LIMIT_REACHED'],
  '55006': [TransientError, 'PG_SLOT_ACTIVE'],
  // Tables and columns were just looked up: they changed meanwhile, and the next look finds them as they are.
  '42P01': [TransientError, 'SNAPSHOT_EXPIRED'],
  '42703': [TransientError, 'SNAPSHOT_EXPIRED'],
  '58P01': [PositionLostError, 'PG_SLOT_LOST'],
}

const byClass: Readonly<Record<string, Meaning>> = {
  '08': [TransientError, 'SOURCE_UNREACHABLE'],
  '40': [TransientError, 'SOURCE_BUSY'],
  '53': [TransientError, 'SOURCE_BUSY'],
  '55': [TransientError, 'SOURCE_BUSY'],
  '57': [TransientError, 'SOURCE_UNREACHABLE'],
}

/** Errors whose state says too little: the message decides. */
const byMessage: readonly (readonly [RegExp, Meaning])[] = [
  [/max_wal_senders/, [ConfigError, 'PG_LIMIT_REACHED']],
  [/wal_level/, [ConfigError, 'PG_WAL_LEVEL']],
  [
    /can no longer (get changes from|access) replication slot|has been invalidated/,
    [PositionLostError, 'PG_SLOT_LOST'],
  ],
  [/replication slot ".*" does not exist/, [PositionLostError, 'PG_SLOT_LOST']],
  [/snapshot ".*" does not exist|invalid snapshot identifier/, [TransientError, 'SNAPSHOT_EXPIRED']],
]

const networkCodes = new Set(
  'ECONNREFUSED ECONNRESET ENOTFOUND EAI_AGAIN ETIMEDOUT EHOSTUNREACH ENETUNREACH EPIPE ECONNABORTED'.split(
    ' ',
  ),
)

/** The error as one of ours; errors that are ours already, and aborts, stay what they are. */
export function fromServer(error: unknown, server: ServerAddress): unknown {
  if (error instanceof SyncError || isAbort(error) || !(error instanceof Error)) return error
  const code = (error as { code?: unknown }).code
  const [Class, ours] =
    typeof code === 'string' && /^[0-9A-Z]{5}$/.test(code) && !networkCodes.has(code)
      ? meaningOfState(code, error.message)
      : meaningOfFailure(code, error.message)
  const where = `${server.host}:${server.port}/${server.database}`
  const message =
    messageFor(ours, where, server.user) +
    (ours === 'PG_PERMISSION_DENIED' ? `: ${grantFor(error.message, server.user)}` : '')
  return new Class(message, { code: ours, cause: detailed(error) })
}

function meaningOfState(state: string, message: string): Meaning {
  for (const [pattern, meaning] of byMessage) if (pattern.test(message)) return meaning
  return byState[state] ?? byClass[state.slice(0, 2)] ?? [TransientError, 'PG_SERVER_ERROR']
}

function meaningOfFailure(code: unknown, message: string): Meaning {
  if (typeof code === 'string' && networkCodes.has(code)) return [TransientError, 'SOURCE_UNREACHABLE']
  const isTls = typeof code === 'string' && /CERT|SSL|TLS|SELF_SIGNED|UNABLE_TO|EPROTO|CRL/.test(code)
  if (isTls || /SSL|certificate|PEM/i.test(message)) return [ConfigError, 'SOURCE_TLS_FAILED']
  if (/password|SASL/i.test(message)) return [ConfigError, 'SOURCE_AUTH_FAILED']
  return [TransientError, 'SOURCE_UNREACHABLE']
}

function messageFor(code: ErrorCode, where: string, user: string): string {
  switch (code) {
    case 'SOURCE_AUTH_FAILED':
      return `PostgreSQL at ${where} does not let in the user ${user}`
    case 'SOURCE_UNREACHABLE':
      return `PostgreSQL at ${where} does not answer`
    case 'SOURCE_TLS_FAILED':
      return `No encrypted connection to PostgreSQL at ${where}`
    case 'PG_PERMISSION_DENIED':
      return `PostgreSQL at ${where} denies the user ${user} what reading needs`
    case 'PG_DATABASE_NOT_FOUND':
      return `PostgreSQL at ${where} has no such database`
    default:
      return `PostgreSQL at ${where} refused`
  }
}

/** The statement that most likely gives what was denied. */
function grantFor(message: string, user: string): string {
  const table = /permission denied for table (\S+)/.exec(message)
  if (table) return `GRANT SELECT ON ${table[1]} TO ${user}`
  const schema = /permission denied for schema (\S+)/.exec(message)
  if (schema) return `GRANT USAGE ON SCHEMA ${schema[1]} TO ${user}`
  if (/replication/i.test(message)) return `ALTER ROLE ${user} REPLICATION`
  if (/permission denied for database (\S+)/.test(message))
    return `GRANT CREATE ON DATABASE … TO ${user}, or make the publication beforehand`
  if (/row-level security/.test(message)) return `ALTER ROLE ${user} BYPASSRLS`
  return 'make the publication beforehand as the owner of the tables, and name it in publicationName'
}

/** The server's message with its detail and hint, which often name the remedy. */
function detailed(error: Error): Error {
  const { detail, hint } = error as { detail?: string; hint?: string }
  const parts = [error.message, detail, hint].filter(part => part !== undefined && part !== '')
  return parts.length < 2 ? error : new Error(parts.join('; '), { cause: error })
}
