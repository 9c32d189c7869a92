import { expect } from 'chai'
import { filesToMerge } from '#lake/services/plan-archiving.ts'

const policy = { levelFiles: 3, fileBytesMax: 100, versionsKept: 2 }

function merged(files: readonly (readonly [name: string, sizeBytes: number])[]): string[] | null {
  const found = filesToMerge(
    files.map(([name, sizeBytes]) => ({ name: `${name}.parquet`, sizeBytes })),
    policy,
  )
  return found && found.map(({ name }) => name.replace('.parquet', ''))
}

describe('which files of the history are merged', () => {
  it('none while a level has few', () => {
    expect(
      merged([
        ['1_2_0', 1],
        ['3_4_0', 1],
        ['1_9_1', 1],
      ]),
    ).to.equal(null)
  })

  it('the oldest of the lowest level that has enough', () => {
    expect(
      merged([
        ['7_8_0', 1],
        ['1_2_0', 1],
        ['5_6_0', 1],
        ['3_4_0', 1],
      ]),
    ).to.deep.equal(['1_2_0', '3_4_0', '5_6_0'])
    expect(
      merged([
        ['1_2_1', 1],
        ['3_4_1', 1],
        ['5_6_1', 1],
        ['7_8_0', 1],
      ]),
    ).to.deep.equal(['1_2_1', '3_4_1', '5_6_1'])
  })

  it('fewer when they become too large, and none that is too large alone', () => {
    expect(
      merged([
        ['1_2_0', 60],
        ['3_4_0', 60],
        ['5_6_0', 1],
      ]),
    ).to.deep.equal(['1_2_0', '3_4_0'])
    expect(
      merged([
        ['1_2_0', 200],
        ['3_4_0', 1],
        ['5_6_0', 1],
      ]),
    ).to.deep.equal(['3_4_0', '5_6_0'])
    expect(
      merged([
        ['1_2_0', 200],
        ['3_4_0', 200],
        ['5_6_0', 1],
      ]),
    ).to.equal(null)
  })
})
