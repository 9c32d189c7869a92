// The lake as a target: each table is a folder below the lake's URL, with one writer per lane and table.
import { parseDuration } from '#api/duration.ts'
import type { ConnectorContext, Target, TableWriter, TargetTable } from '#connectors/connector.ts'
import { ConfigError } from '#common/errors.ts'
import type { ObjectStore } from '#lake/storage/object-store.ts'
import { UrgentWork } from '#lake/services/urgent-work.ts'
import { openStore } from '#lake/storage/open.ts'
import type { WantedTable } from '#lake/table/open-table.ts'
import { openTable } from '#lake/table/open-table.ts'
import { compactionPolicy } from './compaction-options.ts'
import { s3Access } from './s3-access.ts'
import type { HudiSpec, HudiTableOptions } from './spec.ts'

export class HudiTarget implements Target {
  readonly #store: ObjectStore
  readonly #context: ConnectorContext<HudiSpec>
  readonly #urgent = new UrgentWork()

  private constructor(store: ObjectStore, context: ConnectorContext<HudiSpec>) {
    this.#store = store
    this.#context = context
  }

  static async open(context: ConnectorContext<HudiSpec>): Promise<HudiTarget> {
    const { spec, clock } = context
    const s3 = await s3Access(context)
    return new HudiTarget(await openStore(spec.url, { clock, ...(s3 ? { s3 } : {}) }), context)
  }

  openTable(table: TargetTable, signal: AbortSignal): Promise<TableWriter> {
    const { clock, job, spec } = this.#context
    const options = table.options as HudiTableOptions
    const { buckets, dailyHistoryDays, retentionHours, tableType, tableVersion } = options
    const { concurrency, metadataTable } = options
    const wanted = {
      name: table.name,
      schema: table.schema,
      sampled: table.sampled ?? false,
      estimatedBytes: table.estimatedBytes,
      version: tableVersion ?? spec.tableVersion,
      tableType,
      policy: table.schemaEvolution,
      retentionMs: retentionHours * 3_600_000,
      dailyHistoryMs: dailyHistoryDays * 24 * 3_600_000,
      sharing: { concurrency, metadataTable },
      services: serviceOptions(options),
      ...partitionOptions(options),
      ...duplicateOptions(table.name, options),
      ...(buckets === undefined ? {} : { buckets }),
    }
    const store = this.#store.at(tableFolder(table.name))
    return openTable(wanted, { store, clock, writer: job, signal, urgent: this.#urgent })
  }

  close(): Promise<void> {
    return this.#store.close()
  }
}

function partitionOptions({
  partitionBy = [],
  keyScope,
  keyIndexMiB,
}: HudiTableOptions): Pick<WantedTable, 'partitionBy' | 'keyScope' | 'keyIndexBytes'> {
  return {
    partitionBy: partitionBy.map(({ column, datePart, hash, name }) => ({
      column,
      ...(datePart === undefined ? {} : { datePart }),
      ...(hash === undefined ? {} : { hash }),
      ...(name === undefined ? {} : { name }),
    })),
    keyScope,
    keyIndexBytes: keyIndexMiB * 1024 * 1024,
  }
}

function duplicateOptions(
  table: string,
  { dropDuplicates, retentionHours }: HudiTableOptions,
): Pick<WantedTable, 'dropDuplicates'> {
  if (dropDuplicates === undefined) return {}
  const { columns, window, memoryMiB } = dropDuplicates
  const windowMs = parseDuration(window)
  if (windowMs >= retentionHours * 3_600_000)
    throw new ConfigError(
      `Options of table ${table}: the window of dropDuplicates must be shorter than retentionHours, for which files are kept`,
      { code: 'SPEC_INVALID', context: { table } },
    )
  return { dropDuplicates: { columns, windowMs, bytesMax: memoryMiB * 1024 * 1024 } }
}

function serviceOptions(options: HudiTableOptions): NonNullable<WantedTable['services']> {
  const { historyDays, retentionCommits, targetFileMiB } = options
  return {
    ...compactionPolicy(options),
    historyMs: historyDays * 24 * 3_600_000,
    targetFileBytes: targetFileMiB * 1024 * 1024,
    ...(retentionCommits === undefined ? {} : { retentionCommits }),
  }
}

/** The folder of a table: its name, where that is a plain one. @throws ConfigError TABLE_NAME_UNSUPPORTED */
function tableFolder(name: string): string {
  if (/^[A-Za-z0-9][A-Za-z0-9_.-]*$/.test(name)) return name
  throw new ConfigError(
    `A table of a lake cannot be called ${JSON.stringify(name)}: use letters, digits, ".", "_" and "-"`,
    { code: 'TABLE_NAME_UNSUPPORTED', context: { table: name } },
  )
}
