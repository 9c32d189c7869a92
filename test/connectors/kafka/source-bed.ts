// A Kafka source over a cluster in memory, and what its tests have in common.
import type { VirtualTableSpec } from '#api/virtual-table.ts'
import { virtualTableSpec } from '#api/virtual-table.ts'
import type { TableSchema } from '#catalog/types.ts'
import type { Clock } from '#common/clock.ts'
import { systemClock } from '#common/clock.ts'
import { DataError } from '#common/errors.ts'
import { silentLogger } from '#common/logger.ts'
import type { ReadLimits, SourceChunk, SourceTable, Split } from '#connectors/connector.ts'
import type { ReadPace } from '#connectors/read-pace.ts'
import { KafkaSource } from '#connectors/kafka/source.ts'
import { kafkaSpec } from '#connectors/kafka/spec.ts'
import { FakeKafka } from './fake-client.ts'

export const limits: ReadLimits = { chunkBytesMax: 1 << 20, lingerMs: 5 }

export interface Bed {
  kafka: FakeKafka
  source: KafkaSource
  bad: DataError[]
}

export function bed(
  options: {
    tables?: object[]
    clock?: Clock
    policy?: 'fail' | 'skip'
    pace?: ReadPace
    spec?: object
  } = {},
): Bed {
  const kafka = new FakeKafka()
  const bad: DataError[] = []
  const source = new KafkaSource(
    {
      spec: kafkaSpec.parse({ brokers: ['kafka:9092'], ...options.spec }),
      name: 'events',
      job: 'shop.clicks',
      secret: async () => '',
      virtualTables: (options.tables ?? []).map((table): VirtualTableSpec => virtualTableSpec.parse(table)),
      onBadRecord: error => {
        if (options.policy !== 'skip') throw error
        bad.push(error)
      },
      pace: options.pace,
      clock: options.clock ?? systemClock,
      logger: silentLogger,
    },
    kafka,
  )
  return { kafka, source, bad }
}

export function table(schema: TableSchema, mode: SourceTable['mode'] = 'snapshotAndStream'): SourceTable {
  return { name: 't', schema, positions: new Map(), mode, start: 'earliest' }
}

export const schema: TableSchema = {
  columns: [
    { name: 'id', type: { kind: 'int64' }, nullable: false },
    { name: 'name', type: { kind: 'string' }, nullable: true },
  ],
  key: [],
}

export async function planned(
  source: KafkaSource,
  wanted: SourceTable,
): Promise<{ table: SourceTable; splits: readonly Split[] }> {
  const { splits, initialPositions } = await source.plan([wanted], new AbortController().signal)
  return { table: { ...wanted, positions: initialPositions.get('t') ?? wanted.positions }, splits }
}

/** Reads until the condition holds for what came so far, or the split ends. */
export async function readUntil(
  { source }: Bed,
  split: Split,
  from: SourceTable,
  enough: (chunks: SourceChunk[]) => boolean,
  given: ReadLimits = limits,
): Promise<SourceChunk[]> {
  const stop = new AbortController()
  const chunks: SourceChunk[] = []
  for await (const chunk of source.read(split, [from], given, stop.signal)) {
    chunks.push(chunk)
    if (enough(chunks)) break
  }
  return chunks
}

export function ids(chunks: readonly SourceChunk[]): bigint[] {
  return chunks.flatMap(chunk =>
    chunk.changes.flatMap(({ batch }) => {
      const [column] = batch.columns
      if (column?.layout !== 'int64') throw new Error('wrong layout')
      return [...column.values.subarray(0, batch.length)]
    }),
  )
}

export function caughtUp(chunks: SourceChunk[]): boolean {
  return chunks.at(-1)!.caughtUp
}

export function value(id: number | string): { value: string } {
  return { value: `{"id":${id},"name":"n${id}"}` }
}

export async function failure(doing: Promise<unknown>): Promise<unknown> {
  try {
    await doing
  } catch (error) {
    return error
  }
  throw new Error('it did not fail')
}

/** A clock on which sleeping takes no time and the time passes all the same. */
export function hastyClock(): Clock {
  let passed = 0
  return {
    ...systemClock,
    monotonicMs: () => passed,
    sleep: async ms => {
      await new Promise(resolve => setImmediate(resolve))
      passed += ms
    },
  }
}
