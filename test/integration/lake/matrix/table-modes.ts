// The kinds of table the readers matrix is made of, and the states in which readers are asked. A new mode is one more
// entry; a new state is one more `yield`.
import { clean } from '#lake/services/clean.ts'
import { defaultCleaningPolicy } from '#lake/services/clean.ts'
import { compactSome } from '#lake/services/compact.ts'
import type { CompactionPolicy } from '#lake/services/plan-compaction.ts'
import { defaultCompactionPolicy } from '#lake/services/plan-compaction.ts'
import { clusterSome } from '#lake/services/cluster.ts'
import { clusteringPolicy, defaultTargetFileBytes } from '#lake/services/plan-clustering.ts'
import type { TableVersion } from '#lake/table/definition.ts'
import type { WantedTable } from '#lake/table/open-table.ts'
import type { RecordedTable } from './recorded-table.ts'

export interface TableState {
  name: string
  /** How many of the newest commits can be travelled to; Infinity when undefined. */
  reachable?: number
}

export interface TableMode {
  /** As it stands in the page. */
  title: string
  keyed: boolean
  wanted: Partial<WantedTable> & Pick<WantedTable, 'version'>
  /** Brings the table from state to state. */
  states: (table: RecordedTable) => AsyncGenerator<TableState>
}

const eager: CompactionPolicy = { ...defaultCompactionPolicy, logFilesMin: 1, logBytesShareMin: 0 }
const cleaning = { ...defaultCleaningPolicy, retentionMs: 3 * 3_600_000, instantsMin: 2 }

const clustering = { ...clusteringPolicy(defaultTargetFileBytes), filesMin: 2 }

async function* append(table: RecordedTable): AsyncGenerator<TableState> {
  await table.write(table.changes(0, 20, 'first'))
  await table.write(table.changes(20, 10, 'second'))
  await table.write(table.changes(30, 5, 'third'))
  yield { name: 'written' }
  if (table.wanted.version !== 6) {
    await table.serve(context => clusterSome(context, clustering))
    yield { name: 'clustered' }
  }
  table.age(30)
  await table.write(table.changes(40, 5, 'fourth'))
  await table.write(table.changes(50, 5, 'fifth'))
  await table.serve(context => clean(context, cleaning))
  yield { name: 'cleaned', reachable: 2 }
}

async function* keyed(table: RecordedTable): AsyncGenerator<TableState> {
  await table.write(table.changes(0, 40, 'first'))
  await table.write(table.changes(30, 20, 'second'), table.deletes(0, 5))
  await table.write(table.changes(3, 4, 'third'), table.deletes(30, 3))
  yield { name: 'written' }
  if (table.isMergeOnRead) {
    await table.serve(context => compactSome(context, eager))
    table.compacted()
    yield { name: 'compacted' }
  }
  table.age(30)
  await table.write(table.changes(20, 30, 'fourth'), table.deletes(10, 4))
  if (table.isMergeOnRead) {
    await table.serve(context => compactSome(context, eager))
    table.compacted()
  }
  table.age(2)
  await table.write(table.changes(45, 10, 'fifth'), table.deletes(20, 2))
  await table.serve(context => clean(context, cleaning))
  yield { name: 'cleaned', reachable: 2 }
}

const keyedTypes = ['MERGE_ON_READ', 'COPY_ON_WRITE'] as const
const byRegion = { partitionBy: [{ column: 'region' }] }

function modesOf(version: TableVersion, partitioned: boolean): TableMode[] {
  const partition = partitioned ? byRegion : {}
  const title = `${partitioned ? ', partitioned' : ''}, version ${version}`
  return [
    { title: `append${title}`, keyed: false, wanted: { version, ...partition }, states: append },
    ...keyedTypes.map(tableType => ({
      title: `keyed, ${tableType}${title}`,
      keyed: true,
      wanted: { version, tableType, ...partition },
      states: keyed,
    })),
  ]
}

export const tableModes: readonly TableMode[] = ([6, 8, 9] as const).flatMap(version => [
  ...modesOf(version, false),
  ...modesOf(version, true),
])
