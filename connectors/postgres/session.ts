// Connections to the server. `pg` does the handshake (TLS, SCRAM) and small queries; bulk data is read from the
// socket by RawConnection. Every session gets the same settings, so that values print the same everywhere.
import type { Socket } from 'node:net'
import type { ConnectionOptions as TlsOptions } from 'node:tls'
import type { Client, QueryResultRow } from 'pg'
import type { SecretValue } from '#api/secret.ts'
import type { ConnectorContext } from '../connector.ts'
import type { ConnectionPermits, ConnectionUse } from '../read-pace.ts'
import type { PostgresSpec } from './spec.ts'
import type { ServerAddress } from './server-error.ts'
import { fromServer } from './server-error.ts'

/** What a connection needs. */
export interface ServerAccess extends Omit<ServerAddress, 'user'> {
  /** Reads the secrets for each connection: a mounted Secret changes while the worker runs. */
  login: () => Promise<Login>
  applicationName: string
  limits: SilenceLimits
  /** What is asked before each connection; left out: there is no limit. */
  connections?: ConnectionPermits | undefined
}

export interface SessionOptions {
  /** It speaks the replication protocol. */
  replication?: boolean
  use?: ConnectionUse
}

export interface Login {
  user: string
  password: string | undefined
  tls: TlsOptions | false
}

/** How long a server may say nothing while we wait for it. A dead one would be noticed by TCP much later, or never. */
export interface SilenceLimits {
  /** Until a connection is made and the user let in. */
  connectMs: number
  /** Until a query is answered that waits for nobody. */
  answerMs: number
  /** Between two rows of a COPY: it may have to read many pages without any. */
  copyMs: number
  /** Of a replication stream, at least; twice the server's `wal_sender_timeout` if that is more. */
  streamMs: number
}

const silenceLimits: SilenceLimits = {
  connectMs: 15_000,
  answerMs: 60_000,
  copyMs: 300_000,
  streamMs: 60_000,
}

/** How long a connection may take to end in good order. */
const politeMs = 1_000

/** How often the server looks whether its client is still there, where connections are counted. */
const clientCheckS = 1
/** How long a connection counts that was broken off from here: until the server has noticed. */
const unnoticedMs = 3_000

/**
 * Settings of every session; those the server's version does not know are left out. Text must print the same in
 * snapshot and stream, rows must come in page order, and nothing may end a session that waits on purpose.
 */
const sessionSettings: Readonly<Record<string, string>> = {
  DateStyle: 'ISO, MDY',
  IntervalStyle: 'postgres',
  TimeZone: 'UTC',
  bytea_output: 'hex',
  extra_float_digits: '1',
  search_path: 'pg_catalog',
  row_security: 'off',
  synchronize_seqscans: 'off',
  max_parallel_workers_per_gather: '0',
  jit: 'off',
  statement_timeout: '0',
  transaction_timeout: '0',
  idle_in_transaction_session_timeout: '0',
  idle_session_timeout: '0',
  lock_timeout: '10s',
  // A client whose machine is gone must not hold back vacuum for hours.
  tcp_keepalives_idle: '60',
  tcp_keepalives_interval: '10',
  tcp_keepalives_count: '6',
}

/** @throws ConfigError SECRET_MISSING */
export async function serverAccess(context: ConnectorContext<PostgresSpec>): Promise<ServerAccess> {
  const { host, port, database } = context.spec
  const login = (): Promise<Login> => readLogin(context)
  // A missing Secret is to be told at once, not by the first connection.
  await login()
  return {
    host,
    port,
    database,
    login,
    applicationName: `sluice ${context.job}`.slice(0, 63),
    limits: silenceLimits,
    connections: context.connections,
  }
}

async function readLogin({ spec, secret }: ConnectorContext<PostgresSpec>): Promise<Login> {
  const read = async (value: SecretValue | undefined) => value && secret(value)
  const [user, password, ca, cert, key] = await Promise.all(
    [spec.user, spec.password, spec.tls.ca, spec.tls.cert, spec.tls.key].map(read),
  )
  const tls = tlsOptions(spec.tls.mode, { ...(ca && { ca }), ...(cert && { cert }), ...(key && { key }) })
  return { user: user!, password, tls }
}

function tlsOptions(mode: PostgresSpec['tls']['mode'], material: TlsOptions): TlsOptions | false {
  switch (mode) {
    case 'disable':
      return false
    case 'require':
      return { ...material, rejectUnauthorized: false }
    case 'verify-ca':
      return { ...material, rejectUnauthorized: true, checkServerIdentity: () => undefined }
    case 'verify-full':
      return { ...material, rejectUnauthorized: true }
  }
}

export class Session {
  readonly client: Client
  readonly limits: SilenceLimits
  readonly #server: ServerAddress
  readonly #signal: AbortSignal
  readonly #onAbort: () => void
  /** Gives the permit back. */
  readonly #leave: (() => void) | undefined
  #endedByServer = false

  private constructor(
    client: Client,
    { limits, leave, ...server }: ServerAddress & { limits: SilenceLimits; leave: (() => void) | undefined },
    signal: AbortSignal,
  ) {
    this.client = client
    this.limits = limits
    this.#server = server
    this.#leave = leave
    this.#signal = signal
    this.#onAbort = () => this.socket.destroy()
    signal.addEventListener('abort', this.#onAbort, { once: true })
  }

  /** @throws TransientError, ConfigError by server-error.ts; what the signal aborts with */
  static async open(
    access: ServerAccess,
    signal: AbortSignal,
    { replication = false, use = 'brief' }: SessionOptions = {},
  ): Promise<Session> {
    signal.throwIfAborted()
    const { default: pg } = await import('pg')
    const { host, port, database, limits, connections } = access
    const leave = await connections?.enter(use, signal)
    const login = await access.login().catch((error: unknown) => {
      leave?.()
      throw error
    })
    const { user, password, tls } = login
    const client = new pg.Client({
      host,
      port,
      database,
      user,
      ...(password !== undefined && { password }),
      ssl: tls,
      application_name: access.applicationName,
      connectionTimeoutMillis: limits.connectMs,
      keepAlive: true,
      keepAliveInitialDelayMillis: 30_000,
      ...(replication && { replication: 'database' }),
    })
    // Failures between queries show in the next query; without a listener they would end the process.
    client.on('error', () => undefined)
    const server = { host, port, database, user, limits, leave }
    const session = new Session(client, server, signal)
    try {
      signal.throwIfAborted()
      await client.connect()
      session.socket.once('end', () => (session.#endedByServer = true))
      await session.query(settingsQuery(leave !== undefined))
      return session
    } catch (error) {
      await session.close()
      signal.throwIfAborted()
      throw fromServer(error, server)
    }
  }

  get socket(): Socket {
    return (this.client as unknown as { connection: { stream: Socket } }).connection.stream
  }

  /** A query that waits for nobody: a server that does not answer it in time is gone. */
  async query<Row extends QueryResultRow>(sql: string, values?: readonly unknown[]): Promise<Row[]> {
    const silent = new Error(`The server did not answer a query within ${this.limits.answerMs} ms`)
    const timer = setTimeout(() => this.socket.destroy(silent), this.limits.answerMs)
    try {
      return await this.waitFor<Row>(sql, values)
    } finally {
      clearTimeout(timer)
    }
  }

  /** A query that may have to wait for other transactions, as long as it takes. */
  async waitFor<Row extends QueryResultRow>(sql: string, values?: readonly unknown[]): Promise<Row[]> {
    try {
      const result = await this.client.query<Row>(sql, values && [...values])
      return result.rows
    } catch (error) {
      this.#signal.throwIfAborted()
      throw fromServer(error, this.#server)
    }
  }

  /** An error met on this connection, as one of ours. */
  explain(error: unknown): unknown {
    return this.#signal.aborted ? this.#signal.reason : fromServer(error, this.#server)
  }

  async close(): Promise<void> {
    this.#signal.removeEventListener('abort', this.#onAbort)
    if (this.#signal.aborted) this.socket.destroy()
    else {
      const timer = setTimeout(() => this.socket.destroy(), politeMs)
      await this.client.end().catch(() => undefined)
      clearTimeout(timer)
    }
    // The server ends its side when it has forgotten the connection; one that was broken off it has yet to miss.
    if (this.#endedByServer) this.#leave?.()
    else if (this.#leave) setTimeout(this.#leave, unnoticedMs).unref()
  }
}

/** Opens a session for one piece of work. */
export async function withSession<T>(
  access: ServerAccess,
  signal: AbortSignal,
  work: (session: Session) => Promise<T>,
): Promise<T> {
  const session = await Session.open(access, signal)
  try {
    return await work(session)
  } finally {
    await session.close()
  }
}

/** @param isCounted the connection counts until the server has noticed that its client is gone */
function settingsQuery(isCounted: boolean): string {
  const wanted = Object.entries(sessionSettings).map(([name, value]) => `('${name}', '${value}')`)
  // Not on every system can a server look for that, and there it would refuse the setting.
  const check = `UNION ALL SELECT 'client_connection_check_interval', '${clientCheckS}s' WHERE version() LIKE '%linux%'`
  return `SELECT set_config(s.name, wanted.value, false)
    FROM (VALUES ${wanted.join(', ')} ${isCounted ? check : ''}) wanted(name, value)
    JOIN pg_catalog.pg_settings s ON s.name = wanted.name`
}
