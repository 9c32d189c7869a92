// The writers a thread has open, by table of the target: they stay open from one grant, or one look at the source,
// to the next, and learn then of what others wrote meanwhile.
import { ConfigError } from '#common/errors.ts'
import type { TableWriter, Target, TargetTable } from '#connectors/connector.ts'

export class OpenWriters {
  readonly #target: Target
  readonly #writers = new Map<string, TableWriter>()

  constructor(target: Target) {
    this.#target = target
  }

  /**
   * A writer that knows the table as it is now. One whose table was removed, so that it would be read anew, is opened
   * anew as well.
   */
  async of(table: TargetTable, signal: AbortSignal): Promise<TableWriter> {
    const open = this.#writers.get(table.name)
    if (open && (await isCurrent(open, signal))) return open
    this.#writers.delete(table.name)
    await open?.close()
    const writer = await this.#target.openTable(table, signal)
    this.#writers.set(table.name, writer)
    return writer
  }

  /** Closes all; what fails at that is told in the results. */
  async close(): Promise<PromiseSettledResult<void>[]> {
    const closing = [...this.#writers.values()].map(writer => writer.close())
    this.#writers.clear()
    return Promise.allSettled(closing)
  }
}

async function isCurrent(writer: TableWriter, signal: AbortSignal): Promise<boolean> {
  try {
    await writer.refresh(signal)
    return true
  } catch (error) {
    if (error instanceof ConfigError && error.code === 'LAKE_TABLE_MISSING') return false
    throw error
  }
}
