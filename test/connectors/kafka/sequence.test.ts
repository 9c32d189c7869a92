import { expect } from 'chai'
import fc from 'fast-check'
import { Int64Builder } from '#catalog/column-builder.ts'
import { SequenceCounter } from '#connectors/kafka/sequence.ts'

function sequences(last: bigint, timestamps: number[]): { given: bigint[]; last: bigint } {
  const counter = new SequenceCounter(last)
  const builder = new Int64Builder({ kind: 'int64' })
  for (const timestamp of timestamps) counter.append(timestamp, builder)
  const vector = builder.finish()
  if (vector.layout !== 'int64') throw new Error('wrong layout')
  return { given: [...vector.values.subarray(0, vector.length)], last: counter.last }
}

describe('record sequences', () => {
  it('are max(last + 1, time << 20), whatever the times', () => {
    const time = fc.oneof(
      fc.integer({ min: -5, max: 5 }),
      fc.integer({ min: 0, max: 2 ** 42 + 5 }),
      fc.constant(2 ** 41),
    )
    const start = fc.oneof(
      fc.bigInt({ min: 0n, max: 2n ** 62n - 1000n }),
      fc.constantFrom(
        0n,
        2n ** 32n - 1n,
        2n ** 32n - 2n,
        2n ** 53n - 1n,
        (1_790_000_000_000n << 20n) + 0xfffffn,
      ),
    )
    fc.assert(
      fc.property(start, fc.array(time), (first, times) => {
        let last = first
        const expected = times.map(at => {
          const clamped = BigInt(Math.min(Math.max(at, 0), 2 ** 42 - 1))
          return (last = clamped << 20n > last ? clamped << 20n : last + 1n)
        })
        expect(sequences(first, times)).to.deep.equal({ given: expected, last })
      }),
      { numRuns: 2000 },
    )
  })

  it('stay below 2^63 for the largest time, with room to count on', () => {
    const { given } = sequences(0n, [2 ** 50, 2 ** 50])
    expect(given[0]).to.equal((2n ** 42n - 1n) << 20n)
    expect(given[1]).to.equal(given[0]! + 1n)
    expect(given[1]! < 2n ** 62n).to.equal(true)
  })

  it('go on from a position as if nothing had happened', () => {
    const times = [5, 5, 3, 9, 1, 9, 10]
    const whole = sequences(0n, times)
    const head = sequences(0n, times.slice(0, 3))
    const tail = sequences(head.last, times.slice(3))
    expect([...head.given, ...tail.given]).to.deep.equal(whole.given)
  })

  it('order a key right that moved to another partition', () => {
    const before = sequences(0n, [1000, 1000, 1000]).last
    const [after] = sequences(0n, [1001]).given
    expect(after! > before).to.equal(true)
  })
})
