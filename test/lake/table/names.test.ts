import { crc32 } from 'node:zlib'
import { expect } from 'chai'
import { fixedClock } from '#test/lake/journal/table-fixture.ts'
import {
  baseFileName,
  fileGroupKey,
  logFileName,
  newFileId,
  checksumOf,
  checksumWriteToken,
  newWriteToken,
  parseBaseFileName,
  parseLogFileName,
} from '#lake/table/names.ts'

const fileId = '00000001-8d28-493d-9136-5c05a91bce64'
const instant = '20261124210029864'

describe('data file names', () => {
  it('are those Hudi gives', () => {
    const base = { fileId, writeToken: '1-373-979', instant }
    const log = { fileId, writeToken: '1-381-997', instant, version: 1 }
    expect(baseFileName(base)).to.equal(`${fileId}_1-373-979_${instant}.parquet`)
    expect(logFileName(log)).to.equal(`.${fileId}_${instant}.log.1_1-381-997`)
    expect(parseBaseFileName(baseFileName(base))).to.deep.equal(base)
    expect(parseLogFileName(logFileName(log))).to.deep.equal(log)
  })

  it('are not taken for each other, nor other files for them', () => {
    for (const name of [
      '.hoodie_partition_metadata',
      'part-0000.parquet',
      `${fileId}_1-2-3_${instant}.parquet.tmp`,
      `.${fileId}_1-2-3_${instant}.parquet.crc`,
      '.sluice-tmp-1',
    ]) {
      expect(parseBaseFileName(name), name).to.equal(null)
      expect(parseLogFileName(name), name).to.equal(null)
    }
    expect(parseLogFileName(`${fileId}_1-2-3_${instant}.parquet`)).to.equal(null)
  })

  it('differ from writer to writer', () => {
    const clock = fixedClock()
    expect(newFileId(clock)).not.to.equal(newFileId(clock))
    expect(newWriteToken(clock))
      .to.match(/^\d+-\d+-\d+$/)
      .and.not.equal(newWriteToken(clock))
  })

  it('name a file group within its partition', () => {
    expect(fileGroupKey('', fileId)).to.equal(fileId)
    expect(fileGroupKey('dt=1', fileId)).to.equal(`dt=1/${fileId}`)
  })

  it('can hold a checksum of the file, which no other token seems to', () => {
    const clock = fixedClock()
    const bytes = Buffer.from('some log')
    const token = checksumWriteToken(bytes, clock)
    expect(checksumOf(token)).to.equal(crc32(bytes))
    expect(checksumWriteToken(bytes, clock)).to.not.equal(token)
    expect(checksumOf(newWriteToken({ ...clock, random: () => 0.999_999_999 }))).to.equal(null)
    for (const other of ['0-12-345', '1-0-1', '']) expect(checksumOf(other)).to.equal(null)
  })
})
