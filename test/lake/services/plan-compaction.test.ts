import { expect } from 'chai'
import type { DataFile } from '#lake/reader/data-file.ts'
import type { FileSlice } from '#lake/reader/file-slice.ts'
import { defaultCompactionPolicy, slicesToCompact } from '#lake/services/plan-compaction.ts'
import { formatInstant } from '#lake/timeline/instant.ts'

const nowMs = Date.UTC(2026, 10, 24, 12)
const mebibyte = 1 << 20

function file(kind: DataFile['kind'], sizeBytes: number, ageMs: number): DataFile {
  const instant = formatInstant(nowMs - ageMs)
  return { kind, path: 'x', name: 'x', partitionPath: '', fileId: 'f', instant, version: 1, sizeBytes }
}

function slice(
  fileId: string,
  baseBytes: number | null,
  logs: number,
  logFileBytes: number,
  ageMs = 1000,
): FileSlice {
  const base = baseBytes === null ? null : file('base', baseBytes, ageMs)
  return {
    partitionPath: '',
    fileId,
    baseInstant: formatInstant(nowMs - ageMs),
    base,
    logs: Array.from({ length: logs }, () => file('log', logFileBytes, ageMs)),
  }
}

const chosen = (...slices: FileSlice[]): string[] =>
  slicesToCompact(slices, defaultCompactionPolicy, nowMs).map(({ fileId }) => fileId)

describe('the choice of file groups to compact', () => {
  it('leaves groups without logs, and those with few small ones', () => {
    expect(chosen(slice('none', mebibyte, 0, 0), slice('few', mebibyte, 9, 100))).to.deep.equal([])
  })

  it('takes groups with many logs, unless they are next to nothing beside the base file', () => {
    const large = slice('nothing', 100 * mebibyte, 10, 100)
    expect(chosen(slice('many', mebibyte, 10, 6000), large)).to.deep.equal(['many'])
  })

  it('takes groups with very many logs however small', () => {
    expect(chosen(slice('g', 100 * mebibyte, 100, 100))).to.deep.equal(['g'])
  })

  it('takes groups whose logs weigh half as much as the base file, or that have none', () => {
    expect(chosen(slice('heavy', 2 * mebibyte, 1, mebibyte))).to.deep.equal(['heavy'])
    expect(chosen(slice('tiny', 2000, 1, 1000))).to.deep.equal([])
    expect(chosen(slice('logs only', null, 2, mebibyte))).to.deep.equal(['logs only'])
  })

  it('takes groups whose oldest log is old', () => {
    expect(chosen(slice('old', 100 * mebibyte, 1, 10, 13 * 3_600_000))).to.deep.equal(['old'])
  })

  it('takes as many as fit into one compaction, those with most logs first, and at least one', () => {
    const slices = [
      slice('b', 80 * mebibyte, 10, 6 * mebibyte),
      slice('a', 10 * mebibyte, 10, 6 * mebibyte),
      slice('c', 400 * mebibyte, 10, 30 * mebibyte),
    ]
    expect(chosen(...slices)).to.deep.equal(['a'])
    expect(chosen(slices[2]!)).to.deep.equal(['c'])
    expect(chosen(slices[1]!, slice('d', 8 * mebibyte, 10, mebibyte))).to.deep.equal(['a', 'd'])
  })
})
