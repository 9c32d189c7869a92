// A job against a real PostgreSQL: opens sources on it and runs SQL beside them.
import pg from 'pg'
import { systemClock } from '#common/clock.ts'
import type { DataError } from '#common/errors.ts'
import { silentLogger } from '#common/logger.ts'
import type { Position } from '#catalog/position.ts'
import type {
  ConnectorContext,
  ReadLimits,
  Source,
  SourceChunk,
  SourceTable,
  Split,
} from '#connectors/connector.ts'
import type { ConnectionPermits, ReadPace, ReadTurns } from '#connectors/read-pace.ts'
import { postgres } from '#connectors/postgres/connector.ts'
import type { PostgresSpec } from '#connectors/postgres/spec.ts'
import { postgresSpec } from '#connectors/postgres/spec.ts'
import type { PostgresServer } from '#scripts/embedded-postgres.ts'

export const limits: ReadLimits = { chunkBytesMax: 1024 * 1024, lingerMs: 20 }
export const never = new AbortController().signal

export type SpecInput = Partial<Omit<PostgresSpec, 'tls' | 'snapshot'>> & { tls?: object; snapshot?: object }

/** What to connect as, as people would write it. */
export function specFor(server: PostgresServer, database: string, changes: SpecInput = {}): PostgresSpec {
  return postgresSpec.parse({
    host: server.host,
    port: server.port,
    database,
    user: { value: server.user },
    password: { value: server.password },
    tls: { mode: 'disable' },
    ...changes,
  })
}

let jobs = 0
/** Databases of former jobs, empty: making one takes longer than most tests. */
const freeDatabases = new WeakMap<PostgresServer, string[]>()

/** One job on a database of its own; tables and positions are kept as a target would keep them. */
export class Job {
  readonly database: string
  client: pg.Client
  readonly badRecords: DataError[] = []
  /** For sources that are opened from now on. */
  pace: ReadPace | undefined
  turns: ReadTurns | undefined
  connections: ConnectionPermits | undefined
  /** Positions the target holds: table -> split -> position. */
  readonly positions = new Map<string, Map<string, Position>>()
  readonly #server: PostgresServer
  readonly #spec: SpecInput
  readonly #sources: Source[] = []

  private constructor(server: PostgresServer, database: string, client: pg.Client, spec: SpecInput) {
    this.#server = server
    this.database = database
    this.client = client
    this.#spec = spec
  }

  static async create(server: PostgresServer, spec: SpecInput = {}): Promise<Job> {
    const free = freeDatabases.get(server)?.pop()
    const database = free ?? `job_${++jobs}`
    if (free === undefined) {
      const admin = await connect(server, 'postgres')
      await admin.query(`CREATE DATABASE ${database}`)
      await admin.end()
    }
    return new Job(server, database, await connect(server, database), spec)
  }

  context(changes: SpecInput = {}): ConnectorContext<PostgresSpec> {
    return {
      spec: specFor(this.#server, this.database, { ...this.#spec, ...changes }),
      name: 'shop-db',
      job: `test.${this.database}`,
      secret: value => Promise.resolve(value.value ?? ''),
      virtualTables: [],
      onBadRecord: error => {
        this.badRecords.push(error)
      },
      pace: this.pace,
      turns: this.turns,
      connections: this.connections,
      clock: systemClock,
      logger: silentLogger,
    }
  }

  async source(changes: SpecInput = {}): Promise<Source> {
    const source = await postgres.openSource!(this.context(changes))
    this.#sources.push(source)
    return source
  }

  /** A new connection, after the server was away. */
  async reconnect(): Promise<pg.Client> {
    this.client = await connect(this.#server, this.database)
    return this.client
  }

  async sql(...statements: string[]): Promise<pg.QueryResult> {
    let result: pg.QueryResult | undefined
    for (const statement of statements) result = await this.client.query(statement)
    return result!
  }

  /** The tables as the job wants them read, with what the target holds. */
  async tables(source: Source, changes: Partial<SourceTable> = {}): Promise<SourceTable[]> {
    return (await source.discover(never)).map(({ name, schema }) => ({
      name,
      schema,
      positions: this.positions.get(name) ?? new Map<string, Position>(),
      mode: 'snapshotAndStream',
      start: 'latest',
      ...changes,
    }))
  }

  /** Plans, and keeps the initial positions. */
  async plan(source: Source, changes: Partial<SourceTable> = {}): Promise<readonly Split[]> {
    const plan = await source.plan(await this.tables(source, changes), never)
    for (const [table, positions] of plan.initialPositions)
      for (const [split, position] of positions) this.commit(table, split, position)
    return plan.splits
  }

  commit(table: string, split: string, position: Position): void {
    let held = this.positions.get(table)
    if (!held) this.positions.set(table, (held = new Map()))
    held.set(split, position)
  }

  commitChunk(split: Split, chunk: SourceChunk): void {
    if (chunk.position !== null)
      for (const table of split.tables) this.commit(table, split.id, chunk.position)
  }

  /** Closes everything; the database is emptied for the next job, or given up when that does not work. */
  async end(): Promise<void> {
    await Promise.allSettled(this.#sources.map(source => source.close()))
    try {
      const source = await this.source()
      await source.teardown(never)
      await source.close()
      await this.client.query(emptyDatabase)
      freeDatabases.set(this.#server, [...(freeDatabases.get(this.#server) ?? []), this.database])
    } catch {
      // The server may be down by intent.
    }
    await this.client.end().catch(() => undefined)
  }
}

const emptyDatabase = `DO $$
DECLARE one text;
BEGIN
  FOR one IN SELECT pubname FROM pg_publication LOOP EXECUTE format('DROP PUBLICATION %I', one); END LOOP;
  FOR one IN SELECT nspname FROM pg_namespace WHERE nspname !~ '^pg_' AND nspname <> 'information_schema' LOOP
    EXECUTE format('DROP SCHEMA %I CASCADE', one);
  END LOOP;
  CREATE SCHEMA public;
  GRANT USAGE ON SCHEMA public TO PUBLIC;
END $$`

export async function connect(server: PostgresServer, database: string): Promise<pg.Client> {
  const { host, port, user, password } = server
  const client = new pg.Client({ host, port, user, password, database })
  client.on('error', () => undefined)
  await client.connect()
  return client
}
