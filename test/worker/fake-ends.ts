// A source and a target in memory that keep the promises of connector.ts, for driving sessions.
import { FencedError } from '#common/errors.ts'
import { Int64Builder } from '#catalog/column-builder.ts'
import type { ChangeBatch } from '#catalog/change-batch.ts'
import type { PositionMove } from '#catalog/position.ts'
import type { TableSchema } from '#catalog/types.ts'
import type {
  CommitResult,
  Source,
  SourceChunk,
  SourcePlan,
  SourceTable,
  Split,
  TableChanges,
  TableWriter,
} from '#connectors/connector.ts'

export const schema: TableSchema = {
  columns: [{ name: 'id', type: { kind: 'int64' }, nullable: false }],
  key: [],
}

export function batchOf(values: readonly number[], of: TableSchema = schema): ChangeBatch {
  const builder = new Int64Builder({ kind: 'int64' })
  for (const value of values) builder.appendNumber(value)
  return {
    schema: of,
    length: values.length,
    columns: [builder.finish()],
    operations: null,
    sequences: BigInt64Array.from(values.map(BigInt)),
  }
}

export function changesOf(table: string, values: readonly number[]): TableChanges {
  return { table, truncate: null, batch: batchOf(values) }
}

export class FakeSource implements Source {
  readonly chunks = new Map<string, SourceChunk[]>()
  readonly acknowledged = new Map<string, string[]>()
  /** Runs before a chunk is yielded; may throw. */
  beforeChunk: (split: Split, index: number) => Promise<void> | void = () => undefined

  add(split: string, chunk: Partial<SourceChunk> & { position: string | null }): void {
    const list = this.chunks.get(split) ?? []
    list.push({ changes: [], newestAtMs: null, caughtUp: false, ...chunk })
    this.chunks.set(split, list)
  }
  async *read(
    split: Split,
    tables: readonly SourceTable[],
    _limits: unknown,
    signal: AbortSignal,
  ): AsyncGenerator<SourceChunk> {
    const held = tables.map(table => table.positions.get(split.id) ?? '0').toSorted()[0]!
    for (const [index, chunk] of (this.chunks.get(split.id) ?? []).entries()) {
      if (chunk.position !== null && this.compare(chunk.position, held) <= 0) continue
      signal.throwIfAborted()
      await this.beforeChunk(split, index)
      yield chunk
    }
    if (!split.bounded)
      await new Promise<void>(resolve => signal.addEventListener('abort', () => resolve(), { once: true }))
  }
  acknowledge(split: Split, position: string): Promise<void> {
    this.acknowledged.set(split.id, [...(this.acknowledged.get(split.id) ?? []), position])
    return Promise.resolve()
  }
  compare(a: string, b: string): number {
    return Number(a) - Number(b)
  }
  discover(): Promise<never[]> {
    return Promise.resolve([])
  }
  plan(): Promise<SourcePlan> {
    return Promise.resolve({ splits: [], initialPositions: new Map() })
  }
  lag(): Promise<{ amount: number; unit: 'records' }> {
    return Promise.resolve({ amount: 0, unit: 'records' })
  }
  teardown(): Promise<void> {
    return Promise.resolve()
  }
  close(): Promise<void> {
    return Promise.resolve()
  }
}

export interface FakeCommit {
  values: number[]
  moves: readonly PositionMove[]
}

export class FakeWriter implements TableWriter {
  schema: TableSchema = schema
  readonly commits: FakeCommit[] = []
  readonly held: Map<string, string>
  /** Of each stage. */
  readonly stagedRows: number[] = []
  staged: number[] = []
  beforeCommit: () => Promise<void> | void = () => undefined

  constructor(held: Map<string, string> = new Map()) {
    this.held = held
  }
  positions(): ReadonlyMap<string, string> {
    return this.held
  }
  refresh(): Promise<void> {
    return Promise.resolve()
  }
  evolve(to: TableSchema): Promise<void> {
    this.schema = to
    return Promise.resolve()
  }
  stage({ batch, truncate }: Pick<TableChanges, 'batch' | 'truncate'>): Promise<void> {
    const column = batch.columns[0]!
    if (column.layout !== 'int64') throw new Error('wrong layout')
    if (truncate) this.staged.push(-1)
    this.staged.push(...[...column.values.subarray(0, batch.length)].map(Number))
    this.stagedRows.push(batch.length)
    return Promise.resolve()
  }
  async commit(moves: readonly PositionMove[]): Promise<CommitResult> {
    await this.beforeCommit()
    for (const { split, from } of moves)
      if ((this.held.get(split) ?? null) !== from)
        throw new FencedError('moved by another', { code: 'WRITER_FENCED' })
    for (const { split, to } of moves)
      if (to === null) this.held.delete(split)
      else this.held.set(split, to)
    const values = this.staged
    this.staged = []
    this.commits.push({ values, moves })
    return {
      rows: values.length,
      bytes: values.length * 8,
      commit: values.length > 0 ? `c${this.commits.length}` : null,
    }
  }
  abort(): Promise<void> {
    this.staged = []
    return Promise.resolve()
  }
  close(): Promise<void> {
    return Promise.resolve()
  }
}
