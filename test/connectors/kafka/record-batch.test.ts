import { expect } from 'chai'
import fc from 'fast-check'
import { readFetchResponse } from '#connectors/kafka/fetch-response.ts'
import { RecordCursor, completeBatches } from '#connectors/kafka/record-batch.ts'
import type { AbortedTransaction } from '#connectors/kafka/record-batch.ts'
import { findHeader } from '#connectors/kafka/record-headers.ts'
import type { TestRecord } from './batch-writer.ts'
import { writeBatch, writeControl } from './batch-writer.ts'

interface ReadRecord {
  offset: number
  timestampMs: number
  key: string | null
  value: string | null
}

function read(batches: Buffer, aborted: AbortedTransaction[] = []): ReadRecord[] {
  const cursor = new RecordCursor()
  cursor.open(batches, aborted)
  const records: ReadRecord[] = []
  const text = (start: number, end: number): string | null =>
    start < 0 ? null : Buffer.from(cursor.bytes.subarray(start, end)).toString()
  while (cursor.next())
    records.push({
      offset: cursor.offset,
      timestampMs: cursor.timestampMs,
      key: text(cursor.keyStart, cursor.keyEnd),
      value: text(cursor.valueStart, cursor.valueEnd),
    })
  return records
}

function values(batches: Buffer[], aborted: AbortedTransaction[] = []): (string | null)[] {
  return read(Buffer.concat(batches), aborted).map(record => record.value)
}

describe('record batches', () => {
  it('give every record as it was written, in each codec', () => {
    const record = fc.record({
      timestampMs: fc.integer({ min: 0, max: 4e12 }),
      key: fc.option(fc.string()),
      value: fc.option(fc.string({ maxLength: 300 })),
      headers: fc.array(fc.tuple(fc.string(), fc.option(fc.string())), { maxLength: 3 }),
      gap: fc.integer({ min: 1, max: 200 }),
    })
    const batch = fc.tuple(fc.array(record, { maxLength: 8 }), fc.constantFrom('none', 'gzip', 'zstd'))
    fc.assert(
      fc.property(
        fc.array(batch, { maxLength: 4 }),
        fc.integer({ min: 0, max: 2 ** 50 }),
        (batches, first) => {
          let offset = first
          const written: TestRecord[] = []
          const bytes = batches.map(([records, codec]) => {
            const placed = records.map(({ gap, ...rest }) => ({ ...rest, offset: (offset += gap) }))
            written.push(...placed)
            offset += 1
            return writeBatch(placed, { codec, lastOffset: offset })
          })
          expect(read(Buffer.concat(bytes))).to.deep.equal(
            written.map(({ offset, timestampMs, key, value }) => ({ offset, timestampMs, key, value })),
          )
        },
      ),
      { numRuns: 500 },
    )
  })

  it('take the broker’s time where the topic says so', () => {
    const batch = writeBatch(
      [
        { offset: 5, timestampMs: 7, value: 'a' },
        { offset: 6, timestampMs: 8, value: 'b' },
      ],
      {
        appendTimeMs: 99,
      },
    )
    expect(read(batch).map(record => record.timestampMs)).to.deep.equal([99, 99])
  })

  it('hide aborted transactions and control records, and nothing else', () => {
    const log = [
      writeBatch([{ offset: 0, value: 'plain' }]),
      writeBatch([{ offset: 1, value: 'a-aborted' }], { producerId: 1 }),
      writeBatch([{ offset: 2, value: 'b-committed' }], { producerId: 2 }),
      writeBatch([{ offset: 3, value: 'a-aborted' }], { producerId: 1 }),
      writeControl(4, 1, 'abort'),
      writeBatch([{ offset: 5, value: 'a-committed' }], { producerId: 1 }),
      writeControl(6, 2, 'commit'),
      writeControl(7, 1, 'commit'),
      writeBatch([{ offset: 8, value: 'a-aborted-again' }], { producerId: 1 }),
      writeControl(9, 1, 'abort'),
      writeBatch([{ offset: 10, value: 'end' }]),
    ]
    const aborted = [
      { producerId: 1, firstOffset: 8 },
      { producerId: 1, firstOffset: 1 },
    ]
    expect(values(log, aborted)).to.deep.equal(['plain', 'b-committed', 'a-committed', 'end'])
    expect(completeBatches(Buffer.concat(log)).nextOffset).to.equal(11)
  })

  it('end with the last complete batch', () => {
    const first = writeBatch([{ offset: 3, value: 'x' }], { lastOffset: 9 })
    const second = writeBatch([{ offset: 10, value: 'y' }])
    const both = Buffer.concat([first, second])
    for (let length = first.length; length < both.length; length++)
      expect(completeBatches(both.subarray(0, length))).to.deep.equal({
        length: first.length,
        nextOffset: 10,
      })
    expect(completeBatches(both)).to.deep.equal({ length: both.length, nextOffset: 11 })
    expect(completeBatches(first.subarray(0, 40))).to.deep.equal({ length: 0, nextOffset: -1 })
  })

  it('find the last header of a name, where it is not null', () => {
    const cursor = new RecordCursor()
    const find = (name: string): string | null => {
      const found = findHeader(cursor.bytes, cursor.headersStart, Buffer.from(name))
      return found && Buffer.from(cursor.bytes.subarray(found.start, found.end)).toString()
    }
    const headers: [string, string | null][] = [
      ['a', '1'],
      ['é', 'x'.repeat(200)],
      ['a', '2'],
      ['n', 'v'],
      ['n', null],
    ]
    cursor.open(writeBatch([{ offset: 0, value: 'v', headers }, { offset: 1 }]), [])
    cursor.next()
    expect([find('a'), find('é'), find('n'), find('b'), find('')]).to.deep.equal([
      '2',
      'x'.repeat(200),
      null,
      null,
      null,
    ])
    cursor.next()
    expect(find('a')).to.equal(null)
  })

  it('are refused when their format is older, their codec unknown or their content damaged', () => {
    const old = writeBatch([{ offset: 7, value: 'x' }])
    old.writeInt8(1, 16)
    expect(() => completeBatches(old))
      .to.throw()
      .with.property('code', 'KAFKA_BATCH_UNREADABLE')
    const unknown = writeBatch([{ offset: 7, value: 'x' }])
    unknown.writeInt16BE(6, 21)
    const damaged = writeBatch([{ offset: 7, value: 'x'.repeat(100) }], { codec: 'zstd' })
    damaged.fill(0, 70)
    const short = writeBatch([{ offset: 7, value: 'x' }])
    short.writeInt32BE(2, 57)
    const long = writeBatch([{ offset: 7, value: 'x' }])
    long[61] = 0x7e
    for (const batch of [unknown, damaged, short, long])
      expect(() => read(batch))
        .to.throw()
        .with.property('code', 'KAFKA_BATCH_UNREADABLE')
  })

  it('are refused when their length leads nowhere or backwards', () => {
    for (const length of [-12, -13, 48, -(2 ** 31)]) {
      const batch = writeBatch([{ offset: 7, value: 'x' }])
      batch.writeInt32BE(length, 8)
      expect(() => completeBatches(Buffer.concat([writeBatch([{ offset: 6 }]), batch])), `${length}`)
        .to.throw()
        .with.property('code', 'KAFKA_BATCH_UNREADABLE')
    }
  })

  it('have no more headers than bytes', () => {
    const count = [0xfe, 0xff, 0xff, 0xff, 0x0f]
    expect(findHeader(Buffer.from(count), 0, Buffer.from('a'))).to.equal(null)
    // The first name has −6 bytes: back to the count.
    expect(findHeader(Buffer.from([...count, 0x0b, 0x00]), 0, Buffer.from('a'))).to.equal(null)
  })
})

describe('Fetch responses', () => {
  it('are read, or refused where they end before their counts say', () => {
    const batch = writeBatch([{ offset: 7, value: 'x' }])
    const aborted = Buffer.concat([int32(1), int64(5), int64(6)])
    const partition = Buffer.concat([int32(3), int16(0), int64(9), int64(8), int64(0), aborted, int32(-1)])
    const topic = Buffer.concat([int16(1), Buffer.from('t'), int32(1), partition, int32(batch.length), batch])
    const whole = Buffer.concat([int32(0), int16(0), int32(0), int32(1), topic])
    const { partitions } = readFetchResponse(whole)
    expect(partitions).to.deep.equal([
      {
        topic: 't',
        partition: 3,
        errorCode: 0,
        lastStableOffset: 8,
        aborted: [{ producerId: 5, firstOffset: 6 }],
        records: batch,
      },
    ])
    for (let length = 0; length < whole.length; length++)
      expect(() => readFetchResponse(whole.subarray(0, length)), `${length} bytes`).to.throw(RangeError)
    // Topics, partitions, aborted transactions.
    for (const at of [10, 17, 51]) {
      const damaged = Buffer.from(whole)
      damaged.writeInt32BE(2 ** 31 - 1, at)
      expect(() => readFetchResponse(damaged), `the count at ${at}`).to.throw(RangeError)
    }
  })

  function int16(value: number): Buffer {
    return Buffer.from([value >> 8, value])
  }

  function int32(value: number): Buffer {
    const bytes = Buffer.alloc(4)
    bytes.writeInt32BE(value)
    return bytes
  }

  function int64(value: number): Buffer {
    return Buffer.concat([int32(0), int32(value)])
  }
})
