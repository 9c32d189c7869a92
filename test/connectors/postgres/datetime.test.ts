import { expect } from 'chai'
import fc from 'fast-check'
import { Int32Builder, Int64Builder } from '#catalog/column-builder.ts'
import {
  appendDate,
  appendPrintedDate,
  appendPrintedTimestamp,
  appendTimestamp,
  timeText,
  timetzText,
} from '#connectors/postgres/datetime.ts'

const epochMicros = 946_684_800_000_000n
const min = BigInt(new Date('0001-01-01T00:00:00Z').getTime()) * 1000n
const max = BigInt(new Date('9999-12-31T23:59:59.999Z').getTime()) * 1000n + 999n

function wire(micros: bigint): Buffer {
  const bytes = Buffer.alloc(8)
  bytes.writeBigInt64BE(micros - epochMicros)
  return bytes
}

function micros(append: (builder: Int64Builder) => void): bigint {
  const builder = new Int64Builder({ kind: 'timestamp' })
  append(builder)
  const vector = builder.finish()
  if (vector.layout !== 'int64') throw new Error('wrong layout')
  return vector.values[0]!
}

describe('dates and times of PostgreSQL', () => {
  it('count from 1970 in all of the years 1 to 9999', () => {
    fc.assert(
      fc.property(fc.bigInt({ min, max }), at => {
        expect(micros(builder => appendTimestamp(builder, wire(at), 0))).to.equal(at)
        const iso = new Date(Number((at - (((at % 1000n) + 1000n) % 1000n)) / 1000n)).toISOString()
        const fraction = String(((at % 1_000_000n) + 1_000_000n) % 1_000_000n).padStart(6, '0')
        const text = `${iso.slice(0, 10)} ${iso.slice(11, 19)}.${fraction}+00`
        expect(micros(builder => appendPrintedTimestamp(builder, text))).to.equal(at)
      }),
    )
    for (const at of [min, max]) expect(micros(builder => appendTimestamp(builder, wire(at), 0))).to.equal(at)
  })

  it('are out of range beyond', () => {
    const refused = (append: (builder: Int64Builder) => void): void => {
      expect(() => append(new Int64Builder({ kind: 'timestamp' })))
        .to.throw()
        .with.property('code', 'VALUE_OUT_OF_RANGE')
    }
    for (const at of [min - 1n, max + 1n]) refused(builder => appendTimestamp(builder, wire(at), 0))
    for (const special of ['7fffffffffffffff', '8000000000000000'])
      refused(builder => appendTimestamp(builder, Buffer.from(special, 'hex'), 0))
    for (const text of ['infinity', '-infinity', '0001-12-31 00:00:00 BC', '10000-01-01 00:00:00'])
      refused(builder => appendPrintedTimestamp(builder, text))
    for (const days of [0x7fffffff, -0x80000000, -730_120, 2_921_940]) {
      const bytes = Buffer.alloc(4)
      bytes.writeInt32BE(days)
      expect(() => appendDate(new Int32Builder({ kind: 'date' }), bytes, 0), String(days))
        .to.throw()
        .with.property('code', 'VALUE_OUT_OF_RANGE')
    }
    for (const text of ['infinity', '0001-01-01 BC', '10000-01-01'])
      expect(() => appendPrintedDate(new Int32Builder({ kind: 'date' }), text), text)
        .to.throw()
        .with.property('code', 'VALUE_OUT_OF_RANGE')
  })

  it('carry their printed offset', () => {
    const at = (text: string): bigint => micros(builder => appendPrintedTimestamp(builder, text))
    expect(at('2024-01-01 12:00:00+05:30')).to.equal(at('2024-01-01 06:30:00'))
    expect(at('2024-01-01 12:00:00-03')).to.equal(at('2024-01-01 15:00:00+00'))
    expect(at('1880-01-01 00:00:00+00:01:15')).to.equal(at('1879-12-31 23:58:45'))
  })

  it('of day print as the server prints them', () => {
    const time = (value: bigint): Buffer => {
      const bytes = Buffer.alloc(8)
      bytes.writeBigInt64BE(value)
      return bytes
    }
    expect(timeText(time(0n), 0)).to.equal('00:00:00')
    expect(timeText(time(86_400_000_000n), 0)).to.equal('24:00:00')
    expect(timeText(time(45_296_500_000n), 0)).to.equal('12:34:56.5')
    const zone = Buffer.alloc(4)
    zone.writeInt32BE(5 * 3600 + 1800)
    expect(timetzText(Buffer.concat([time(1n), zone]), 0, 12)).to.equal('00:00:00.000001-05:30')
  })
})
