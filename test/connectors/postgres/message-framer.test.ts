import { expect } from 'chai'
import fc from 'fast-check'
import { MessageFramer } from '#connectors/postgres/message-framer.ts'

const message = fc.record({
  type: fc.nat({ max: 255 }),
  body: fc.oneof(fc.uint8Array({ maxLength: 40 }), fc.constant(new Uint8Array(100_000).fill(7))),
})

describe('message framer', () => {
  it('finds the same messages however the stream is cut into buffers', () => {
    const property = fc.property(
      fc.array(message, { maxLength: 20 }),
      fc.infiniteStream(fc.oneof(fc.integer({ min: 1, max: 12 }), fc.constant(70_000))),
      (messages, sizes) => {
        const stream = Buffer.concat(
          messages.map(({ type, body }) => {
            const header = Buffer.alloc(5)
            header[0] = type
            header.writeInt32BE(4 + body.length, 1)
            return Buffer.concat([header, body])
          }),
        )
        const framer = new MessageFramer()
        const found: { type: number; body: Uint8Array }[] = []
        for (let at = 0; at < stream.length;) {
          const size = sizes.next().value
          framer.push(stream.subarray(at, at + size))
          at += size
          while (framer.next())
            found.push({
              type: framer.type,
              body: new Uint8Array(framer.bytes.subarray(framer.start, framer.end)),
            })
        }
        expect(found).to.have.length(messages.length)
        for (const [index, { type, body }] of messages.entries()) {
          expect(found[index]!.type).to.equal(type)
          expect(Buffer.compare(found[index]!.body, body)).to.equal(0)
        }
      },
    )
    fc.assert(property, { numRuns: 200 })
  })
})
