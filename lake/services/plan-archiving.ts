// Which files of the history to merge: as Hudi does, the oldest ones of the first level that has enough of them.
import type { HistoryFile } from '#lake/timeline/history-format.ts'
import { historySpan, levelMax } from '#lake/timeline/history-format.ts'

export interface HistoryPolicy {
  /** This many files of a level are merged into one of the next. */
  levelFiles: number
  /** Files are merged up to about this size. */
  fileBytesMax: number
  /** Manifests that stay, for readers that are about to open what the older ones name. */
  versionsKept: number
}

export const defaultHistoryPolicy: HistoryPolicy = {
  levelFiles: 10,
  fileBytesMax: 64 << 20,
  versionsKept: 12,
}

/** At least two files of one level, neighbours in time, oldest first; or null. */
export function filesToMerge(
  files: readonly HistoryFile[],
  { levelFiles, fileBytesMax }: HistoryPolicy,
): HistoryFile[] | null {
  for (let level = 0; level < levelMax; level++) {
    const ofLevel = files
      .filter(({ name }) => historySpan(name)?.level === level)
      .toSorted((a, b) => (a.name < b.name ? -1 : 1))
    if (ofLevel.length < levelFiles) continue
    const merged = oldest(ofLevel, levelFiles, fileBytesMax)
    if (merged.length > 1) return merged
  }
  return null
}

/** Ends after the file with which they become too large; a file that is too large alone is passed over. */
function oldest(files: readonly HistoryFile[], count: number, bytesMax: number): HistoryFile[] {
  let chosen: HistoryFile[] = []
  let bytes = 0
  for (const file of files) {
    bytes += file.sizeBytes
    chosen.push(file)
    if (chosen.length === count) break
    if (bytes <= bytesMax) continue
    if (chosen.length > 1) break
    chosen = []
    bytes = 0
  }
  return chosen
}
