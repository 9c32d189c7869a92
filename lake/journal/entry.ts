// One entry of the journal: a step of the table, and the whole of what anyone needs to carry it out. Entries are
// never changed; each names the hash of the one before it, so a chain of them can be told from a stray one.
// Stored as JSON in `.hoodie/.sluice/journal/<seq, 20 digits>.json`.
import { createHash } from 'node:crypto'
import { crc32 } from 'node:zlib'
import type { PositionMove } from '#catalog/position.ts'
import { DataError, InvariantError } from '#common/errors.ts'
import type { CommitAction } from '#lake/timeline/instant-file.ts'
import type { InstantTime } from '#lake/timeline/instant.ts'
import type { Placement } from './placement.ts'

/**
 * `create` made the table; `commit` adds data; `advance` only moves positions; `schema` changes the columns;
 * `schedule` fixes the instant of a compaction, so that all that completes later is later than it; `compact` and
 * `replace` rewrite data without changing rows.
 */
export type EntryKind = 'create' | 'commit' | 'advance' | 'schema' | 'schedule' | 'compact' | 'replace'

/** File groups a step writes to, each as names.ts#fileGroupKey names it. What clashes with what: clash.ts. */
export interface FileGroupUse {
  /** Groups that get their first base file. */
  created?: readonly string[]
  /** Groups that get a base file which holds the rows of the slice before it (copy on write). */
  rewritten?: readonly string[]
  /** Groups that get a log file. */
  logged?: readonly string[]
  /** Groups whose completed logs are merged into a new base file. */
  compacted?: readonly string[]
  /** Groups that are retired. */
  replaced?: readonly string[]
  /** No file groups but sets of keys, of which the step adds only such as the table did not have. */
  distinct?: readonly string[]
}

/** The Hudi instant an entry stands for. */
export interface EntryInstant {
  time: InstantTime
  action: CommitAction
  /** Greater than every completion time before it in the table. */
  completionTime: InstantTime
  /** The completed file's bytes, base64: whoever finds the file missing writes it. */
  body: string
}

export interface JournalEntry {
  seq: number
  kind: EntryKind
  /** Who wrote it; unique to one opening of the journal. */
  writer: string
  /** SHA-256 of the entry before, hex; '' in the first. */
  predecessor: string
  /** By the writer's clock, ms since the epoch: for trimming and for people. */
  writtenAtMs: number
  instant: EntryInstant | null
  fileGroups: FileGroupUse
  /** Files that are put in place as part of the step: before its instant, after it for a compaction. */
  placements?: readonly Placement[]
  /** Where all splits stand after this entry. */
  positions: Readonly<Record<string, string>>
  schemaVersion: number
  /** Names the file in `.hoodie/.sluice/schemas/` that holds the columns. */
  schemaId: string
  /** The latest instant and completion time of the table, this entry's and other writers' included. */
  lastInstant: InstantTime
  lastCompletionTime: InstantTime
  /** No instant before this one can be committed any more. Never decreases. */
  instantFloor: InstantTime
}

/** An entry with the hash its successor must name. */
export interface HashedEntry {
  entry: JournalEntry
  hash: string
}

const folder = '.hoodie/.sluice/journal/'
const suffix = '.json'

export const journalFolder = folder

export function entryPath(seq: number): string {
  return `${folder}${String(seq).padStart(20, '0')}${suffix}`
}

/** The number in an entry's path, or null when it is another file. */
export function entrySeq(path: string): number | null {
  const name = path.slice(folder.length)
  return /^\d{20}\.json$/.test(name) ? Number(name.slice(0, -suffix.length)) : null
}

/** JSON whose last member is the CRC-32 of what it is without it. */
export function encodeEntry(entry: JournalEntry): Uint8Array {
  const text = JSON.stringify(entry)
  return Buffer.from(`${text.slice(0, -1)},"checksum":"${checksumText(text)}"}`)
}

/**
 * The entry of that number. One without a checksum passes, as long as it is JSON and has the number.
 * @throws DataError LAKE_FILE_CORRUPT
 */
export function decodeEntry(bytes: Uint8Array, seq: number): HashedEntry {
  try {
    const entry = JSON.parse(checkedText(Buffer.from(bytes).toString('utf8'))) as JournalEntry
    if (entry.seq !== seq) throw new RangeError('it is another entry')
    return { entry, hash: hashBytes(bytes) }
  } catch (cause) {
    const path = entryPath(seq)
    throw new DataError(`The journal entry ${path} is damaged`, {
      code: 'LAKE_FILE_CORRUPT',
      context: { path },
      cause,
    })
  }
}

function checkedText(stored: string): string {
  const parts = /^(.*),"checksum":"([0-9a-f]{8})"\}$/s.exec(stored)
  if (parts === null) return stored
  const text = `${parts[1]}}`
  if (checksumText(text) !== parts[2]) throw new RangeError('its checksum is wrong')
  return text
}

function checksumText(text: string): string {
  return crc32(text).toString(16).padStart(8, '0')
}

export function hashBytes(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex')
}

/** Positions after the moves. The caller has checked that each starts where the split stands. */
export function movePositions(
  positions: ReadonlyMap<string, string>,
  moves: readonly PositionMove[],
): Map<string, string> {
  const moved = new Map(positions)
  for (const { split, to } of moves) {
    if (to === null) moved.delete(split)
    else moved.set(split, to)
  }
  return moved
}

/** Checks what every chain promises of two neighbours. @throws InvariantError */
export function assertFollows(previous: HashedEntry, next: JournalEntry): void {
  const before = previous.entry
  const ordered =
    next.seq === before.seq + 1 &&
    next.predecessor === previous.hash &&
    next.lastInstant >= before.lastInstant &&
    next.lastCompletionTime >= before.lastCompletionTime &&
    (next.instant === null || next.instant.completionTime > before.lastCompletionTime) &&
    next.instantFloor >= before.instantFloor
  if (!ordered)
    throw new InvariantError(`Journal entry ${next.seq} does not follow ${before.seq}`, {
      code: 'INTERNAL',
      context: { seq: next.seq, before: before.seq },
    })
}
