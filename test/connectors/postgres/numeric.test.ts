import { expect } from 'chai'
import fc from 'fast-check'
import { DecimalBuilder } from '#catalog/column-builder.ts'
import { appendNumeric, appendPrintedNumeric, numericText } from '#connectors/postgres/numeric.ts'
import { valueAt } from './rows.ts'

/** numeric_send of a number given as text, as the server does it. */
function wire(text: string): Buffer {
  const [, minus, whole, fraction = ''] = /^(-?)(\d+)(?:\.(\d+))?$/.exec(text)!
  const padded = whole!.padStart(Math.ceil(whole!.length / 4) * 4, '0')
  const digits = (padded + fraction.padEnd(Math.ceil(fraction.length / 4) * 4, '0'))
    .match(/\d{4}/g)!
    .map(Number)
  let weight = padded.length / 4 - 1
  while (digits.length > 0 && digits[0] === 0) {
    digits.shift()
    weight--
  }
  while (digits.length > 0 && digits.at(-1) === 0) digits.pop()
  if (digits.length === 0) weight = 0
  const bytes = Buffer.alloc(8 + digits.length * 2)
  bytes.writeInt16BE(digits.length, 0)
  bytes.writeInt16BE(weight, 2)
  bytes.writeUInt16BE(minus && digits.length > 0 ? 0x4000 : 0, 4)
  bytes.writeInt16BE(fraction.length, 6)
  for (const [index, digit] of digits.entries()) bytes.writeInt16BE(digit, 8 + index * 2)
  return bytes
}

function decimalText(unscaled: bigint, scale: number): string {
  const digits = String(unscaled < 0n ? -unscaled : unscaled).padStart(scale + 1, '0')
  const text = scale > 0 ? `${digits.slice(0, -scale)}.${digits.slice(-scale)}` : digits
  return unscaled < 0n ? `-${text}` : text
}

const decimal = fc.integer({ min: 1, max: 38 }).chain(precision =>
  fc.record({
    precision: fc.constant(precision),
    scale: fc.nat({ max: precision }),
    unscaled: fc
      .integer({ min: 0, max: precision })
      .chain(digits => fc.bigInt({ min: -(10n ** BigInt(digits)) + 1n, max: 10n ** BigInt(digits) - 1n })),
  }),
)

describe('numeric on the wire', () => {
  it('becomes the same decimal and the same text, from binary and from print', () => {
    fc.assert(
      fc.property(decimal, ({ precision, scale, unscaled }) => {
        const text = decimalText(unscaled, scale)
        const builder = new DecimalBuilder({ kind: 'decimal', precision, scale })
        appendNumeric(builder, scale, precision)(wire(text), 0)
        appendPrintedNumeric(builder, scale, text)
        const vector = builder.finish()
        expect(valueAt(vector, 0)).to.equal(text)
        expect(valueAt(vector, 1)).to.equal(text)
        expect(numericText(wire(text), 0)).to.equal(text)
      }),
      { numRuns: 2000 },
    )
  })

  const refused = [
    { name: 'one digit too many', type: [5, 2], text: '1000.00' },
    { name: 'one digit too many, padded', type: [15, 0], text: '1000000000000000' },
    { name: 'far too many digits', type: [5, 2], text: '123456789012345678901234567890' },
    { name: 'one digit too many of 38', type: [38, 0], text: '100000000000000000000000000000000000000' },
    { name: 'a decimal too many', type: [5, 2], text: '1.001' },
    { name: 'a decimal too many, in a group of its own', type: [5, 2], text: '1.00001' },
    { name: 'a decimal too many of 38', type: [38, 2], text: '12345678901234567890.001' },
  ] as const
  for (const { name, type, text } of refused)
    it(`is refused with ${name}`, () => {
      const [precision, scale] = type
      const builder = new DecimalBuilder({ kind: 'decimal', precision, scale })
      expect(() => appendNumeric(builder, scale, precision)(wire(text), 0))
        .to.throw()
        .with.property('code', 'VALUE_OUT_OF_RANGE')
      expect(() => appendPrintedNumeric(builder, scale, text))
        .to.throw()
        .with.property('code', 'VALUE_OUT_OF_RANGE')
    })

  it('is refused when it is no number', () => {
    const builder = new DecimalBuilder({ kind: 'decimal', precision: 5, scale: 2 })
    for (const [sign, text] of [
      [0xc000, 'NaN'],
      [0xd000, 'Infinity'],
      [0xf000, '-Infinity'],
    ] as const) {
      const bytes = Buffer.alloc(8)
      bytes.writeUInt16BE(sign, 4)
      expect(numericText(bytes, 0)).to.equal(text)
      expect(() => appendNumeric(builder, 2, 5)(bytes, 0))
        .to.throw()
        .with.property('code', 'VALUE_OUT_OF_RANGE')
      expect(() => appendPrintedNumeric(builder, 2, text))
        .to.throw()
        .with.property('code', 'VALUE_OUT_OF_RANGE')
    }
  })
})
