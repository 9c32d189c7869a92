// Keeps the journal short. Old entries are removed, oldest first to go, never one that a writer may still need to
// judge its step by; a hint beside the journal says where its end was, so that opening a table lists little.
import { decodeEntry, entryPath, entrySeq, journalFolder } from './entry.ts'
import { reservationBound, reservationFolder } from './instant-allocator.ts'
import { TransientError } from '#common/errors.ts'
import type { ObjectStore } from '#lake/storage/object-store.ts'
import type { InstantTime } from '#lake/timeline/instant.ts'

export interface Retention {
  /** Entries kept however old they are. */
  entriesMin: number
  /** Entries younger than this are kept, however many. */
  ageMsMin: number
  /** The writer of every so-manieth entry trims. */
  trimEvery: number
  /**
   * Work staged longer ago than this can no longer be committed; its files may then be removed. At least 15 minutes:
   * well above what an instant reservation may take.
   */
  stagedAgeMsMax: number
}

export const defaultRetention: Retention = {
  entriesMin: 200,
  ageMsMin: 900_000,
  trimEvery: 64,
  stagedAgeMsMax: 6 * 3_600_000,
}

const hintPath = '.hoodie/.sluice/head'

/** The number of an entry near the end of the journal, at or before it; 0 when nothing is known. */
export async function readHeadHint(store: ObjectStore): Promise<number> {
  const bytes = await store.get(hintPath)
  const seq = Number(Buffer.from(bytes ?? []).toString('utf8'))
  return Number.isSafeInteger(seq) ? seq : 0
}

export interface TrimPoint {
  /** The newest entry. */
  seq: number
  instantFloor: InstantTime
  nowMs: number
}

/** Trims unless the store does not answer: the step is taken all the same, and the next trim removes what is left. */
export async function trimIfPossible(store: ObjectStore, at: TrimPoint, retention: Retention): Promise<void> {
  try {
    await trimJournal(store, at, retention)
  } catch (error) {
    if (!(error instanceof TransientError)) throw error
  }
}

/** Removes entries and instant reservations that nobody needs any more. */
export async function trimJournal(store: ObjectStore, at: TrimPoint, retention: Retention): Promise<void> {
  await store.put(hintPath, Buffer.from(String(at.seq)))
  const cut = await oldestToKeep(store, at, retention)
  const old: string[] = []
  for await (const { path } of store.list(journalFolder)) {
    const seq = entrySeq(path)
    if (seq !== null && seq >= cut) break
    if (seq !== null) old.push(path)
  }
  const bound = reservationBound(at.instantFloor)
  for await (const { path } of store.list(reservationFolder)) {
    if (path >= bound) break
    old.push(path)
  }
  if (old.length > 0) await store.delete(old)
}

/** Goes back from the newest entries in growing steps until one is old enough. */
async function oldestToKeep(store: ObjectStore, at: TrimPoint, retention: Retention): Promise<number> {
  for (let cut = at.seq - retention.entriesMin, step = retention.trimEvery; cut > 1; cut -= step, step *= 2) {
    const bytes = await store.get(entryPath(cut - 1))
    if (bytes === null) return cut
    if (at.nowMs - decodeEntry(bytes, cut - 1).entry.writtenAtMs >= retention.ageMsMin) return cut
  }
  return 0
}
