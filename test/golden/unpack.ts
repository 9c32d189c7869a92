/**
 * Unpacks the golden Hudi tables of this folder (see README.md) so that tests can open them.
 * Each file gets back the modification time it had when Hudi wrote it: Hudi 1.x places the log files of a
 * version-6 table by the mtime of the completed instants, so a plain unzip would change what time travel answers.
 * The archives are plain zip (stored or deflated, no zip64), so the reader below is all that is needed:
 * end record → central directory → local headers, APPNOTE.TXT 4.3.
 */
import { mkdir, readFile, readdir, utimes, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { inflateRawSync } from 'node:zlib'

import { parseCanonical } from '#test/bed/canonical.ts'

const folder = import.meta.dirname

/** A row as the model of the writes says it must read; values in the canonical form of README.md. */
export type GoldenRow = Readonly<Record<string, unknown>>

export interface GoldenExpectation {
  readonly table: string
  readonly table_version: number
  readonly type: 'COPY_ON_WRITE' | 'MERGE_ON_READ'
  readonly partitioning: string
  /** Rows of the newest snapshot, and the order-independent hash of them. */
  readonly count: number
  readonly hash: string
  readonly columns: readonly string[]
  readonly rows: readonly GoldenRow[]
  readonly instants: readonly {
    instant: string
    completion?: string | null
    action: string
    file: string
  }[]
  /** The state after each write: what a reader at that instant must see. */
  readonly time_travel: readonly {
    as_of: string
    count: number
    hash: string
    columns: readonly string[]
  }[]
  /** What engines returned of the changes after `since`; absent where they were not asked. */
  readonly incremental?: {
    since: string
    spark: GoldenIncrement
    rs: GoldenIncrement
  }
}

export interface GoldenIncrement {
  readonly count: number
  readonly hash: string
  readonly ids: readonly string[]
}

/** The names of the tables kept here. */
export async function goldenTables(): Promise<string[]> {
  const names = await readdir(folder)
  return names
    .filter(name => name.endsWith('.zip'))
    .map(name => name.slice(0, -'.zip'.length))
    .toSorted()
}

/** What must be read from a golden table. Integers too large for a number are bigint. */
export async function goldenExpectation(table: string): Promise<GoldenExpectation> {
  return parseCanonical(await readFile(join(folder, `${table}.expected.json`), 'utf8')) as GoldenExpectation
}

/** Unpacks one golden table below `dir` and returns the table's path, `dir/table`. */
export async function unpackGolden(table: string, dir: string): Promise<string> {
  const archive = await readFile(join(folder, `${table}.zip`))
  const target = join(dir, table)
  let mtimes: Record<string, number> = {}
  for (const entry of zipEntries(archive)) {
    if (entry.name === '_mtimes.json') {
      mtimes = JSON.parse(entry.content().toString('utf8')) as Record<string, number>
    } else if (entry.name.endsWith('/')) {
      await mkdir(join(target, entry.name), { recursive: true })
    } else {
      const path = join(target, entry.name)
      await mkdir(dirname(path), { recursive: true })
      await writeFile(path, entry.content())
    }
  }
  for (const [path, nanoseconds] of Object.entries(mtimes)) {
    const seconds = nanoseconds / 1e9
    await utimes(join(target, path), seconds, seconds)
  }
  return target
}

interface ZipEntry {
  readonly name: string
  content(): Buffer
}

/**
 * central directory header: "PK\1\2" … method u16@10, packed u32@20, name/extra/comment lengths u16@28/30/32,
 * local header offset u32@42, name@46. local header: "PK\3\4" … name/extra lengths u16@26/28, then the data.
 */
function* zipEntries(archive: Buffer): Generator<ZipEntry> {
  const end = archive.lastIndexOf('PK\u0005\u0006', undefined, 'latin1')
  if (end < 0) throw new Error('not a zip archive: no end of central directory')
  const count = archive.readUInt16LE(end + 10)
  let at = archive.readUInt32LE(end + 16)
  for (let i = 0; i < count; i++) {
    const method = archive.readUInt16LE(at + 10)
    const packed = archive.readUInt32LE(at + 20)
    const nameLength = archive.readUInt16LE(at + 28)
    const local = archive.readUInt32LE(at + 42)
    const name = archive.toString('utf8', at + 46, at + 46 + nameLength)
    yield {
      name,
      content() {
        const start = local + 30 + archive.readUInt16LE(local + 26) + archive.readUInt16LE(local + 28)
        const data = archive.subarray(start, start + packed)
        return method === 8 ? inflateRawSync(data) : Buffer.from(data)
      },
    }
    at += 46 + nameLength + archive.readUInt16LE(at + 30) + archive.readUInt16LE(at + 32)
  }
}
