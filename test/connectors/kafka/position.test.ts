import { expect } from 'chai'
import {
  formatPosition,
  parsePosition,
  parseSplitId,
  splitId,
  positionsOfCheckpoint,
  streamerCheckpoint,
} from '#connectors/kafka/position.ts'

describe('Kafka positions', () => {
  it('are read as they are written', () => {
    for (const text of ['0@0', '12@1876951040000000000', '5@7..9', '9007199254740991@4611686018427387903'])
      expect(formatPosition(parsePosition(text))).to.equal(text)
    expect(parsePosition('5@7..9')).to.deep.equal({ offset: 5, sequence: 7n, end: 9 })
  })

  it('are refused in any other form', () => {
    for (const text of ['', '5', '5@', '-1@0', '5@7..', '0/16B3748', '5@7 '])
      expect(() => parsePosition(text), text)
        .to.throw()
        .with.property('code', 'INTERNAL')
  })

  it('belong to a split named after topic and partition', () => {
    expect(parseSplitId(splitId('app.clicks-1', 12))).to.deep.equal({ topic: 'app.clicks-1', partition: 12 })
  })

  it('become the checkpoint of Hudi Streamer, in order of the partitions', () => {
    const positions = new Map([
      ['clicks/10', '7@1'],
      ['clicks/2', '34@2'],
      ['other/0', '1@1'],
      ['log', '0/16B3748'],
      ['snapshot/public.clicks/0', 'done'],
      ['clicks/0', '12@3..99'],
    ])
    expect(streamerCheckpoint('clicks', positions)).to.equal('clicks,0:12,2:34,10:7')
  })

  it('come from the checkpoint of Hudi Streamer', () => {
    expect([...positionsOfCheckpoint('app.clicks,0:12,2:34')]).to.deep.equal([
      ['app.clicks/0', '12@0'],
      ['app.clicks/2', '34@0'],
    ])
    for (const text of ['', 'clicks', 'clicks,0', 'clicks,0:x', 'clicks,0:1,', '{"a":1}', '20261124120000'])
      expect(() => positionsOfCheckpoint(text), text)
        .to.throw()
        .with.property('code', 'SPEC_INVALID')
  })
})
