import { expect } from 'chai'
import fc from 'fast-check'
import { DelayHeap } from '#operator/kube/delay-heap.ts'

describe('DelayHeap', () => {
  it('gives each item once, at its earliest time, in order of time', () => {
    const act = fc.record({ item: fc.nat(8), dueMs: fc.nat(100), cancel: fc.boolean() })
    fc.assert(
      fc.property(fc.array(act, { maxLength: 50 }), acts => {
        const heap = new DelayHeap<number>()
        const expected = new Map<number, number>()
        for (const { item, dueMs, cancel } of acts) {
          if (cancel && dueMs % 5 === 0) {
            heap.cancel(item)
            expected.delete(item)
          } else {
            heap.schedule(item, dueMs)
            expected.set(item, Math.min(dueMs, expected.get(item) ?? Infinity))
          }
        }
        expect(heap.size).to.equal(expected.size)
        for (let nowMs = 0; nowMs <= 100; nowMs++) {
          const due = [...expected].filter(([, at]) => at === nowMs).map(([item]) => item)
          expect(heap.take(nowMs)).to.have.members(due)
        }
        expect(heap.nextDueMs).to.equal(null)
      }),
    )
  })
})
