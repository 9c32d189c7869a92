// Looks into the journal of a table without taking part in it: nothing is finished, adopted or written.
import type { JournalEntry } from './entry.ts'
import { decodeEntry, entryPath, entrySeq, journalFolder } from './entry.ts'
import { readHeadHint } from './trim.ts'
import type { ObjectStore } from '#lake/storage/object-store.ts'

/** The newest entry, or null when the table has no journal (another tool made it). */
export async function readNewestEntry(store: ObjectStore): Promise<JournalEntry | null> {
  const hint = await readHeadHint(store)
  let last: number | null = null
  for await (const { path } of store.list(journalFolder, entryPath(Math.max(0, hint - 1))))
    last = entrySeq(path) ?? last
  return last === null ? null : readEntry(store, last)
}

/** The entry of that number, or null when it was trimmed. */
export async function readEntry(store: ObjectStore, seq: number): Promise<JournalEntry | null> {
  const bytes = await store.get(entryPath(seq))
  return bytes === null ? null : decodeEntry(bytes, seq).entry
}
