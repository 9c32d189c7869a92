// What the Hudi connector needs around it in a test, and how a test sees what its tables hold.
import { systemClock } from '#common/clock.ts'
import { silentLogger } from '#common/logger.ts'
import type { ConnectorContext } from '#connectors/connector.ts'
import type { HudiSpec } from '#connectors/hudi/spec.ts'
import { hudiTableOptions } from '#connectors/hudi/spec.ts'
import { listDataFiles } from '#lake/reader/data-file.ts'
import { TableReader } from '#lake/reader/table-reader.ts'
import type { ObjectStore } from '#lake/storage/object-store.ts'
import type { CanonicalRow } from '#test/bed/canonical.ts'
import type { TargetContract } from '#test/contract/target.ts'
import { canonicalRows } from '#test/lake/reader/canonical.ts'

export function hudiContext(spec: HudiSpec): ConnectorContext<HudiSpec> {
  return {
    spec,
    name: 'lake',
    job: 'test.job',
    secret: ({ value }) => Promise.resolve(value ?? ''),
    virtualTables: [],
    onBadRecord: error => {
      throw error
    },
    clock: systemClock,
    logger: silentLogger,
  }
}

/** Tables of a lake as our own reader sees them. */
export function hudiView(lake: () => Promise<ObjectStore>): Omit<TargetContract, 'open'> {
  return {
    options: hudiTableOptions.parse({}),
    rows: async table => {
      const rows: CanonicalRow[] = []
      const reader = await TableReader.open((await lake()).at(table))
      for await (const batch of reader.read()) rows.push(...canonicalRows(batch))
      return rows
    },
    leftovers: async table => {
      const store = (await lake()).at(table)
      const { slices } = await TableReader.open(store)
      const read = new Set(slices.flatMap(({ base, logs }) => [base?.path, ...logs.map(({ path }) => path)]))
      return (await listDataFiles(store)).filter(({ path }) => !read.has(path)).length
    },
  }
}
