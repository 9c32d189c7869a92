import { expect } from 'chai'
import RequestQueue from 'kafkajs/src/network/requestQueue/index.js'
import '#connectors/kafka/kafkajs-timers.ts'

describe('the request queue of kafkajs', () => {
  let queue: RequestQueue
  beforeEach(() => {
    queue = new RequestQueue({ maxInFlightRequests: null, logger: { debug: () => undefined } })
  })
  afterEach(() => queue.destroy())

  it('sets no timer while nothing waits', () => {
    queue.scheduleCheckPendingRequests()
    expect(queue.throttleCheckTimeoutId).to.equal(null)
  })

  it('looks again at what a throttle holds back', () => {
    queue.throttledUntil = Date.now() + 60_000
    queue.pending.push({})
    queue.scheduleCheckPendingRequests()
    expect(queue.throttleCheckTimeoutId).to.not.equal(null)
  })
})
