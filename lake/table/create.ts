// Makes a table, by any number of creators at once, each of whom may die at any point. The definition is written
// first, by create-if-absent: whoever wins decides what the table is. All else follows from it byte by byte, so
// that everyone can finish it; hoodie.properties comes last, since with it the table exists for readers.
import type { TableDefinition } from './definition.ts'
import type { StoredDefinition } from './stored-definition.ts'
import { readStoredDefinition } from './stored-definition.ts'
import { layoutOf, tableProperties } from './definition.ts'
import { avroSchemaOf } from '#lake/avro/schema.ts'
import type { Clock } from '#common/clock.ts'
import { ConfigError } from '#common/errors.ts'
import type { EntryInstant, JournalEntry } from '#lake/journal/entry.ts'
import { encodeEntry, entryPath } from '#lake/journal/entry.ts'
import { journalSeqKey } from '#lake/journal/foreign-commit.ts'
import { readNewestEntry } from '#lake/journal/read-entry.ts'
import { putSchema } from '#lake/journal/schema-file.ts'
import { definitionPath, propertiesPath } from '#lake/journal/table-guard.ts'
import type { ObjectStore } from '#lake/storage/object-store.ts'
import { probeConditionalPut } from '#lake/storage/probe.ts'
import type { CommitMetadata } from '#lake/timeline/commit-metadata.ts'
import { encodeCommitMetadata } from '#lake/timeline/commit-metadata.ts'
import { completedPath } from '#lake/timeline/instant-file.ts'
import { firstInstant, formatInstant, instantAfter, parseInstant } from '#lake/timeline/instant.ts'
import { encodeProperties } from '#lake/timeline/properties.ts'

/**
 * Makes the table at the store's root unless it is there, and returns what it is: the given definition, or that
 * of whoever came first. The caller judges whether the two go together.
 * @throws ConfigError LAKE_JOURNAL_MISSING when another tool's table is there, STORAGE_NO_CONDITIONAL_PUT
 */
export async function createTable(
  store: ObjectStore,
  definition: TableDefinition,
  clock: Clock,
): Promise<TableDefinition> {
  // In this order: the definition of a table that has properties was there before them.
  const hasProperties = (await store.get(propertiesPath)) !== null
  let stored = await readStoredDefinition(store)
  if (stored === null && hasProperties)
    throw new ConfigError(`The table at ${store.url} was not made by Sluice`, {
      code: 'LAKE_JOURNAL_MISSING',
      context: { table: store.url },
    })
  if (stored === null) {
    await probeConditionalPut(store, clock)
    const mine: StoredDefinition = { createdAt: formatInstant(clock.nowMs()), definition }
    await store.putIfAbsent(definitionPath, Buffer.from(JSON.stringify(mine, null, 1)))
    stored = (await readStoredDefinition(store)) ?? mine
  }
  if (!hasProperties) await finish(store, stored)
  return stored.definition
}

/** What the table at the store's root is, or null when there is none (or another tool's). */
export async function readDefinition(store: ObjectStore): Promise<TableDefinition | null> {
  return (await readStoredDefinition(store))?.definition ?? null
}

async function finish(store: ObjectStore, { createdAt, definition }: StoredDefinition): Promise<void> {
  const properties = encodeProperties(tableProperties(definition), `Created by Sluice at ${createdAt}`)
  // Of a table that lost its properties the first commit must not come back: what was committed since and is no longer
  // on the timeline would be later than its beginning, and pass for uncommitted.
  if ((await readNewestEntry(store)) !== null) {
    await store.putIfAbsent(propertiesPath, properties)
    return
  }
  const first = await firstEntry(store, { createdAt, definition })
  const { action, time, completionTime, body } = first.instant
  const path = completedPath(layoutOf(definition.version), action, time, completionTime)
  await store.putIfAbsent(entryPath(1), encodeEntry(first))
  await store.putIfAbsent(path, Buffer.from(body, 'base64'))
  await store.putIfAbsent(propertiesPath, properties)
}

/**
 * The entry that makes the table, with an empty commit. Readers take a data file for committed whose instant is
 * before the first one of the timeline (they believe it archived): without this commit, whatever a writer staged and
 * never committed before the table's first commit would be read for ever.
 */
async function firstEntry(
  store: ObjectStore,
  { createdAt, definition }: StoredDefinition,
): Promise<JournalEntry & { instant: EntryInstant }> {
  const action = definition.tableType === 'MERGE_ON_READ' ? 'deltacommit' : 'commit'
  const avroSchema = avroSchemaOf(definition.name, definition.schema, { metaFields: false })
  const metadata: CommitMetadata = {
    partitionToWriteStats: {},
    compacted: false,
    extraMetadata: { schema: JSON.stringify(avroSchema), [journalSeqKey]: '1' },
    operationType: 'INSERT',
  }
  const body = encodeCommitMetadata(metadata, action, layoutOf(definition.version))
  const completionTime = instantAfter(createdAt, 0)
  return {
    seq: 1,
    kind: 'create',
    writer: 'create',
    predecessor: '',
    writtenAtMs: parseInstant(createdAt),
    instant: { time: createdAt, action, completionTime, body: Buffer.from(body).toString('base64') },
    fileGroups: {},
    positions: {},
    schemaVersion: 1,
    schemaId: await putSchema(store, definition.schema),
    lastInstant: createdAt,
    lastCompletionTime: completionTime,
    instantFloor: firstInstant,
  }
}
