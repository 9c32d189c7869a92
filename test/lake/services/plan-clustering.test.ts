import { expect } from 'chai'
import type { DataFile } from '#lake/reader/data-file.ts'
import { clusteringPolicy, filesToCluster } from '#lake/services/plan-clustering.ts'
import { formatInstant } from '#lake/timeline/instant.ts'

const mib = 1 << 20
const hourMs = 3_600_000
const nowMs = Date.UTC(2026, 10, 24)
const policy = clusteringPolicy(128 * mib)

/** Files of these sizes in MiB, a minute apart, the last one just written. */
function files(sizes: readonly number[], partitionPath = '', aheadMs = 0): DataFile[] {
  return sizes.map((size, at) => {
    const instant = formatInstant(nowMs - aheadMs - (sizes.length - at) * 60_000)
    const name = `${partitionPath}-${at}`
    const shared = { path: name, name, partitionPath, fileId: name, instant }
    return { ...shared, kind: 'base', version: 0, sizeBytes: size * mib }
  })
}

const many = (count: number, size: number): number[] => Array.from({ length: count }, () => size)

function chosen(given: readonly DataFile[]): string[][] {
  return filesToCluster(given, policy, nowMs).map(group => group.map(({ fileId }) => fileId))
}

describe('which small files are put together', () => {
  it('eight of about one size, and no seven', () => {
    expect(chosen(files(many(7, 1)))).to.deep.equal([])
    expect(chosen(files(many(8, 1)))[0]).to.have.length(8)
  })

  it('not with much larger ones: a row is written anew a few times only', () => {
    const mixed = files([...many(8, 0.5), 20, 20])
    expect(chosen(mixed)).to.deep.equal([['-0', '-1', '-2', '-3', '-4', '-5', '-6', '-7']])
  })

  it('no large ones', () => {
    expect(chosen(files(many(20, 100)))).to.deep.equal([])
  })

  it('fewer when they make a whole file, and the oldest that do', () => {
    expect(chosen(files(many(4, 40)))).to.deep.equal([['-0', '-1', '-2', '-3']])
    expect(chosen(files(many(6, 60)))).to.deep.equal([['-0', '-1', '-2']])
  })

  it('of each partition for itself, as many partitions as make about a file', () => {
    const both = [...files(many(8, 1), 'a'), ...files(many(8, 1), 'b'), ...files(many(3, 1), 'c')]
    expect(chosen(both).map(group => group[0])).to.deep.equal(['a-0', 'b-0'])
    const large = [...files(many(8, 15), 'a'), ...files(many(8, 15), 'b')]
    expect(chosen(large)).to.have.length(1)
  })

  it('all of a partition that has had small files for long', () => {
    expect(chosen(files([1, 0.1, 30], '', 13 * hourMs))).to.deep.equal([['-0', '-1', '-2']])
    expect(chosen(files([30], '', 13 * hourMs))).to.deep.equal([])
  })

  it('until few are left, though a file comes with every commit', () => {
    let table: DataFile[] = []
    let rewritten = 0
    for (let commit = 0; commit < 2_000; commit++) {
      table.push({ ...files([0.25])[0]!, fileId: `c${commit}`, instant: formatInstant(nowMs + commit) })
      for (const group of filesToCluster(table, policy, nowMs)) {
        const sizeBytes = group.reduce((sum, file) => sum + file.sizeBytes, 0)
        table = [
          ...table.filter(file => !group.includes(file)),
          { ...group[0]!, fileId: `m${commit}`, sizeBytes },
        ]
        rewritten += sizeBytes
      }
    }
    expect(table).to.have.length.below(40)
    expect(rewritten / (2_000 * 0.25 * mib), 'times a byte was written anew').to.be.lessThan(4)
  })
})
