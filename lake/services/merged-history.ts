// Files of the history as one file of the next level. They are read one after the other, row group by row group;
// held in memory are one of them and the new one, both compressed.
import type { ServiceContext } from './compact.ts'
import { vectorBytes } from '#catalog/column.ts'
import { concatVectors } from '#catalog/concat.ts'
import { DataError } from '#common/errors.ts'
import { historyFileOptions, noInstants } from '#lake/timeline/archived-instants.ts'
import type { HistoryFile } from '#lake/timeline/history-format.ts'
import { historyFileName, historyFolder, historySpan } from '#lake/timeline/history-format.ts'
import type { ParquetColumns } from '#lake/parquet/decode.ts'
import { openParquet } from '#lake/parquet/decode.ts'
import { ParquetFile } from '#lake/parquet/encode.ts'

const groupBytes = 8 << 20

/** Stores the new file. @param files of one level, neighbours in time, oldest first */
export async function mergedHistoryFile(
  { store, signal }: Pick<ServiceContext, 'store' | 'signal'>,
  files: readonly HistoryFile[],
): Promise<HistoryFile> {
  const columns = noInstants()
  const merged = new ParquetFile(columns, historyFileOptions)
  let gathered: ParquetColumns[] = []
  let gatheredBytes = 0
  const write = (): void => {
    const joined = columns.map((column, index) => ({
      ...column,
      vector: concatVectors(gathered.map(piece => piece.columns[index]!.vector)),
    }))
    merged.addRowGroup(joined, { from: 0, to: gathered.reduce((sum, { rows }) => sum + rows, 0) })
    gathered = []
    gatheredBytes = 0
  }
  for (const { name } of files) {
    signal.throwIfAborted()
    const path = historyFolder + name
    const bytes = await store.get(path)
    if (bytes === null)
      throw new DataError('A file of the history is gone', { code: 'LAKE_FILE_CORRUPT', context: { path } })
    const file = await openParquet(bytes, { columns: columns.map(column => column.name), context: { path } })
    for (const piece of file.slices()) {
      gathered.push(piece)
      gatheredBytes += piece.columns.reduce((sum, { vector }) => sum + vectorBytes(vector), 0)
      if (gatheredBytes >= groupBytes) write()
    }
  }
  if (gathered.length > 0) write()
  const spans = files.map(({ name }) => historySpan(name)!)
  const name = historyFileName({
    first: spans.map(({ first }) => first).reduce((a, b) => (a < b ? a : b)),
    last: spans.map(({ last }) => last).reduce((a, b) => (a > b ? a : b)),
    level: spans[0]!.level + 1,
  })
  const bytes = merged.finish()
  await store.put(historyFolder + name, bytes)
  return { name, sizeBytes: bytes.length }
}
