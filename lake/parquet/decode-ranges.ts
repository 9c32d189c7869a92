// Parquet files to columns without reading them whole: the footer first, then of each row group the columns that are
// wanted. What lies close together is read at once, up to a bound, and the next piece is asked for while this one is
// decoded.
import type { RowGroup } from 'hyparquet'
import type { ByteRange, DecodeOptions, OpenParquet } from './decode.ts'
import { guarded, ParquetLayout } from './decode.ts'
import type { NamedVector } from './encode.ts'
import { footerBytes, readFooter } from './read-footer.ts'

/** Reads bytes of a file; a negative start counts from its end. Fewer come where the file ends. */
export type ReadRange = (start: number, length: number) => Promise<Uint8Array>

export interface RangedFile {
  read: ReadRange
  sizeBytes: number
}

export type RangedParquet = Omit<OpenParquet, 'slices'>

/** Holds the footer of most files. */
const tailBytes = 64 << 10
/** So many bytes that nobody asked for are read rather than asking twice. */
const gapBytesMax = 64 << 10
const spanBytesMax = 8 << 20

/** As openParquet. Throws what `read` throws, too. */
export async function openParquetRanges(
  { read, sizeBytes }: RangedFile,
  options: DecodeOptions = {},
): Promise<RangedParquet> {
  const context = options.context ?? {}
  let tail = await read(-tailBytes, tailBytes)
  // A damaged length must not ask for more than there is.
  const needed = Math.min(
    guarded(context, () => footerBytes(tail)),
    sizeBytes,
  )
  if (needed > tail.length) tail = await read(-needed, needed)
  const file = new ParquetLayout(
    guarded(context, () => readFooter(tail)),
    options,
  )
  return {
    ...file.head(),
    async *pacedSlices(pause) {
      const spans = file.groups.flatMap(group => spansOf(file, group))
      let next = spans.length === 0 ? null : readAhead(read, spans[0]!)
      let columns: NamedVector[] = []
      for (const [at, span] of spans.entries()) {
        const bytes = await next!
        next = at + 1 < spans.length ? readAhead(read, spans[at + 1]!) : null
        for (const index of span.columns) {
          await pause()
          columns[index] = file.readColumn(index, span.group, ({ start, end }) =>
            bytes.subarray(start - span.start, end - span.start),
          )
        }
        if (!span.isLastOfGroup) continue
        yield { rows: Number(span.group.num_rows), columns }
        columns = []
      }
    },
  }
}

/** A failure is heard of when the bytes are wanted. */
function readAhead(read: ReadRange, { start, end }: ByteRange): Promise<Uint8Array> {
  if (start === end) return Promise.resolve(new Uint8Array(0))
  const bytes = read(start, end - start)
  bytes.catch(() => undefined)
  return bytes
}

/** Columns of a row group that are read at once. */
interface Span extends ByteRange {
  group: RowGroup
  columns: number[]
  isLastOfGroup: boolean
}

function spansOf(file: ParquetLayout, group: RowGroup): Span[] {
  const ranges = file.ranges(group)
  const spans: Span[] = []
  for (const index of [...ranges.keys()].toSorted((a, b) => ranges[a]!.start - ranges[b]!.start)) {
    const { start, end } = ranges[index]!
    const last = spans.at(-1)
    if (last && start >= last.end && start - last.end <= gapBytesMax && end - last.start <= spanBytesMax) {
      last.end = end
      last.columns.push(index)
    } else spans.push({ start, end, group, columns: [index], isLastOfGroup: false })
  }
  // Rows count even where no column of the file is wanted.
  if (spans.length === 0) spans.push({ start: 0, end: 0, group, columns: [], isLastOfGroup: false })
  spans.at(-1)!.isLastOfGroup = true
  return spans
}
