/**
 * The readers that judge our tables: Spark with Java Hudi, which is the reference, and hudi-rs, which shares no code
 * with it. Each runs as a Python process that starts at its first request and answers requests until `stop()`. The files of
 * a run share Spark, which takes tens of seconds to start and to warm up; each file has a session of its own in it
 * (program-hub.ts). A file that runs alone has its own.
 */
import { join } from 'node:path'

import type { CanonicalRow, RowSetHash } from './canonical.ts'
import { type HudiVersion, hudiBundle, s3aDir } from './cache.ts'
import { hubVariable } from './program-hub.ts'
import { PythonServer, sharedProgram, startProgram } from './python-server.ts'

const assets = join(import.meta.dirname, 'assets', 'hudi')

/** The S3 server of a table; `startMinio()` gives one. */
export interface S3Access {
  readonly endpoint: string
  readonly accessKey: string
  readonly secretKey: string
  readonly region: string
}

export interface ReadOptions {
  /** Only these columns; all but the `_hoodie_` ones unless given. */
  readonly columns?: readonly string[]
  /** Also the five `_hoodie_` columns. */
  readonly meta?: boolean
  /** Time travel: the state at this instant. */
  readonly asOf?: string
  /** Incremental query: what was committed after this instant. */
  readonly incrementalFrom?: string
  readonly readOptimized?: boolean
  readonly s3?: S3Access
  /** More reader options (`hoodie.*`). */
  readonly options?: Readonly<Record<string, string>>
  /** Writes the rows here too, one JSON text a line. For tables too large to return. */
  readonly path?: string
}

export interface SparkReadOptions extends ReadOptions {
  /** 1.2.0 unless given; 0.15.0 reads table version 6 only. */
  readonly hudiVersion?: HudiVersion
}

export interface RustReadOptions extends ReadOptions {
  /** Column, operator and value, as text: by these hudi-rs leaves out partitions. */
  readonly filters?: readonly (readonly [string, string, string])[]
}

interface RowSet extends RowSetHash {
  readonly rows?: readonly CanonicalRow[]
}

/** Tables are given as `s3://bucket/path` or an absolute path. Rows come back in the order of their canonical text. */
export class HudiReaders {
  readonly #sparks = new Map<HudiVersion, PythonServer>()
  #rust: PythonServer | undefined

  readonly #javaLibraries: readonly string[]

  private constructor(javaLibraries: readonly string[]) {
    this.#javaLibraries = javaLibraries
  }

  /** @param javaLibraries folders of classes or jars for Spark besides its own */
  static start(javaLibraries: readonly string[] = []): Promise<HudiReaders> {
    return Promise.resolve(new HudiReaders(javaLibraries))
  }

  async readSpark(url: string, options: SparkReadOptions = {}): Promise<readonly CanonicalRow[]> {
    return rowsOf(await this.#sparkRead(url, options, true))
  }

  async readHudiRs(url: string, options: RustReadOptions = {}): Promise<readonly CanonicalRow[]> {
    return rowsOf(await this.#rustRead(url, options, true))
  }

  /** Count and hash of the rows, which stay with the reader. */
  hashSpark(url: string, options: SparkReadOptions = {}): Promise<RowSetHash> {
    return this.#sparkRead(url, options, false)
  }

  hashRs(url: string, options: ReadOptions = {}): Promise<RowSetHash> {
    return this.#rustRead(url, options, false)
  }

  /**
   * Runs Spark SQL on the table `t`: a query, a write, or a procedure (`call show_commits(table => 't', limit => 10)`).
   * For a query `t` is what the options say (`asOf`, `incrementalFrom`); otherwise it is the table itself.
   */
  async sql(url: string, text: string, options: SparkReadOptions = {}): Promise<readonly CanonicalRow[]> {
    const { hudiVersion, ...rest } = options
    const request = { op: 'sql', url: sparkUrl(url), text, keep: true, ...rest }
    return rowsOf((await this.#spark(hudiVersion).request(request)) as RowSet)
  }

  /** Appends the rows of a query with these options (`hoodie.*`), making the table when there is none. */
  async write(url: string, text: string, options: Readonly<Record<string, string>>): Promise<void> {
    await this.#spark().request({ op: 'write', url: sparkUrl(url), text, options })
  }

  /** Ends the reader processes; a shared one goes on to the next file. */
  async stop(): Promise<void> {
    const servers = [...this.#sparks.values(), ...(this.#rust ? [this.#rust] : [])]
    this.#sparks.clear()
    this.#rust = undefined
    await Promise.all(servers.map(server => server.stop()))
  }

  #sparkRead(url: string, options: SparkReadOptions, keep: boolean): Promise<RowSet> {
    const { hudiVersion, ...rest } = options
    return this.#spark(hudiVersion).request({
      op: 'read',
      url: sparkUrl(url),
      keep,
      ...rest,
    }) as Promise<RowSet>
  }

  #rustRead(url: string, options: RustReadOptions, keep: boolean): Promise<RowSet> {
    this.#rust ??= new PythonServer('hudi-rs', startProgram([join(assets, 'rust_reader.py')]))
    return this.#rust.request({ op: 'read', url, keep, ...options }) as Promise<RowSet>
  }

  #spark(version: HudiVersion = '1.2.0'): PythonServer {
    let server = this.#sparks.get(version)
    if (server === undefined) {
      const classPath = [hudiBundle(version), join(s3aDir, '*'), ...this.#javaLibraries].join(':')
      const script = [join(assets, 'spark_reader.py'), classPath, join(assets, 'log4j2-quiet.properties')]
      // One with libraries besides its own is of no use to others.
      const hub = this.#javaLibraries.length > 0 ? undefined : process.env[hubVariable]
      const program = hub === undefined ? startProgram(script) : sharedProgram(hub, script)
      server = new PythonServer(`Spark with Hudi ${version}`, program)
      this.#sparks.set(version, server)
    }
    return server
  }
}

function rowsOf(set: RowSet): readonly CanonicalRow[] {
  return set.rows ?? []
}

/** Hadoop's S3 client has a scheme of its own. */
function sparkUrl(url: string): string {
  return url.replace(/^s3:\/\//, 's3a://')
}
