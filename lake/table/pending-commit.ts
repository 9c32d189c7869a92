// A commit in the making: the instant it is staged under, what the table was then, the files written so far,
// and the step they become.
import type { AvroRecordSchema } from '#lake/avro/schema.ts'
import { avroSchemaOf } from '#lake/avro/schema.ts'
import type { FileGroupUse } from '#lake/journal/entry.ts'
import { asidePath } from '#lake/journal/placement.ts'
import type { Step } from '#lake/journal/step.ts'
import type { TableState } from '#lake/journal/table-state.ts'
import type { ObjectStore } from '#lake/storage/object-store.ts'
import type { CommitMetadata, WriteStat } from '#lake/timeline/commit-metadata.ts'
import type { InstantTime } from '#lake/timeline/instant.ts'
import { parseInstant } from '#lake/timeline/instant.ts'
import type { PositionMove } from '#catalog/position.ts'
import type { TableSchema } from '#catalog/types.ts'
import type { TableDefinition } from './definition.ts'
import { layoutOf } from './definition.ts'
import type { StagedFile } from './staged-files.ts'
import { StagedFiles } from './staged-files.ts'

/**
 * How a file uses its group, for the journal to see what clashes; null: the group is the file's own. `changed`: the
 * file is no part of the commit, it holds changes for a rewrite of the group (rewriting-commit.ts).
 */
export type GroupUse = 'created' | 'rewritten' | 'logged' | 'changed' | null

/** Well below the time after which an instant may be trimmed from the timeline. */
const discardAgeMsMax = 1_800_000

/** Whether a file is out of readers' sight until its commit is taken (placement.ts). */
function keptAside(use: NonNullable<GroupUse>, { tableType, version }: TableDefinition): boolean {
  switch (use) {
    case 'changed':
      return true
    case 'created':
    case 'rewritten':
      // Where there are no log files, a base file hides none.
      return tableType === 'MERGE_ON_READ'
    case 'logged':
      // A log of layout 1 bears the name of its slice, not of its commit: nothing would tell that it is a leftover.
      return layoutOf(version) === 1
  }
}

export class PendingCommit {
  readonly instant: InstantTime
  readonly staged: StagedFiles
  readonly #definition: TableDefinition
  readonly #stagedAt: number
  #schemaVersion: number
  #schema: TableSchema
  #avroSchema: AvroRecordSchema
  readonly #groups = {
    created: new Set<string>(),
    rewritten: new Set<string>(),
    logged: new Set<string>(),
    changed: new Set<string>(),
  }
  readonly #logVersions = new Map<string, number>()
  #fileNumber = 0

  constructor(
    store: ObjectStore,
    definition: TableDefinition,
    at: { instant: InstantTime; state: TableState },
  ) {
    const { instant, state } = at
    this.instant = instant
    this.staged = new StagedFiles(store)
    this.#definition = definition
    this.#stagedAt = state.seq
    this.#schemaVersion = state.schemaVersion
    this.#schema = state.schema
    this.#avroSchema = avroSchemaOf(definition.name, state.schema, { metaFields: true })
  }

  get schema(): TableSchema {
    return this.#schema
  }

  /** With meta fields, as files carry it. */
  get avroSchema(): AvroRecordSchema {
    return this.#avroSchema
  }

  get isEmpty(): boolean {
    return this.staged.files.length === 0
  }

  /** Goes on under the columns the table has got meanwhile. */
  adoptSchema(state: TableState): void {
    this.#schemaVersion = state.schemaVersion
    this.#schema = state.schema
    this.#avroSchema = avroSchemaOf(this.#definition.name, state.schema, { metaFields: true })
  }

  /** Whether this commit has any file in the group. */
  touches(fileGroup: string): boolean {
    return Object.values(this.#groups).some(groups => groups.has(fileGroup))
  }

  /** Groups for whose rewrite there are changes. */
  get changedGroups(): Iterable<string> {
    return this.#groups.changed
  }

  /** What must still hold for these files to be of use. */
  get stagedAs(): { instant: InstantTime; schemaVersion: number } {
    return { instant: this.instant, schemaVersion: this.#schemaVersion }
  }

  nextFileNumber(): number {
    return this.#fileNumber++
  }

  /** 1 for the first log file of this commit in the group, then 2, … */
  nextLogVersion(fileGroup: string): number {
    const version = (this.#logVersions.get(fileGroup) ?? 0) + 1
    this.#logVersions.set(fileGroup, version)
    return version
  }

  async add(file: StagedFile, bytes: Uint8Array, use: { group: string; as: GroupUse }): Promise<void> {
    if (use.as !== null) this.#groups[use.as].add(use.group)
    const isAside = use.as !== null && keptAside(use.as, this.#definition)
    await this.staged.add(isAside ? { ...file, aside: asidePath(this.instant, file.stat.path) } : file, bytes)
  }

  /** Takes in a file that is at its path in the table already. */
  addStored(file: StagedFile, { group, as }: { group: string; as: NonNullable<GroupUse> }): void {
    this.#groups[as].add(group)
    this.staged.addStored(file)
  }

  /** Removes what was written, unless that was so long ago that not even the timeline may know what became of it. */
  async discard(nowMs: number): Promise<void> {
    if (nowMs - parseInstant(this.instant) < discardAgeMsMax) await this.staged.discard()
  }

  get rows(): number {
    return this.staged.files.reduce((sum, { rows }) => sum + rows, 0)
  }

  get bytes(): number {
    return this.staged.files.reduce((sum, { stat }) => sum + stat.fileSizeInBytes, 0)
  }

  step(moves: readonly PositionMove[], extraMetadata: Readonly<Record<string, string>>): Step {
    return {
      kind: 'commit',
      instant: this.instant,
      action: this.#definition.tableType === 'MERGE_ON_READ' ? 'deltacommit' : 'commit',
      metadata: this.#metadata(extraMetadata),
      moves,
      fileGroups: this.#fileGroups(),
      placements: this.staged.files.flatMap(({ stat, aside }) =>
        aside === undefined ? [] : [{ from: aside, to: stat.path }],
      ),
      stagedAt: this.#stagedAt,
      schemaVersion: this.#schemaVersion,
    }
  }

  #fileGroups(): FileGroupUse {
    const { created, rewritten, logged } = this.#groups
    return {
      ...(created.size > 0 ? { created: [...created] } : {}),
      ...(rewritten.size > 0 ? { rewritten: [...rewritten] } : {}),
      ...(logged.size > 0 ? { logged: [...logged] } : {}),
    }
  }

  #metadata(extraMetadata: Readonly<Record<string, string>>): CommitMetadata {
    const partitionToWriteStats: Record<string, WriteStat[]> = {}
    for (const { stat } of this.staged.files) (partitionToWriteStats[stat.partitionPath] ??= []).push(stat)
    const schema = avroSchemaOf(this.#definition.name, this.#schema, { metaFields: false })
    return {
      partitionToWriteStats,
      compacted: false,
      extraMetadata: { ...extraMetadata, schema: JSON.stringify(schema) },
      operationType: this.#definition.kind === 'append' ? 'INSERT' : 'UPSERT',
    }
  }
}

/** A step that only moves positions. */
export function advanceStep(state: TableState, moves: readonly PositionMove[]): Step {
  return { ...emptyStep(state), kind: 'advance', moves }
}

/** A step that only changes the columns. */
export function schemaStep(state: TableState, schema: TableSchema): Step {
  return { ...emptyStep(state), kind: 'schema', schema }
}

function emptyStep(state: TableState): Omit<Step, 'kind'> {
  return {
    instant: null,
    action: null,
    metadata: null,
    moves: [],
    fileGroups: {},
    stagedAt: state.seq,
    schemaVersion: state.schemaVersion,
  }
}
