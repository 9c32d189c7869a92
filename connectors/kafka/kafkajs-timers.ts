// After every response kafkajs 2.2.4, its last version, sets a timer to look at requests held back by a throttle, also
// when there are none: then the delay is negative, which Node 24 warns about, and the timer comes back every
// millisecond. Without waiting requests there is nothing to look at. Imported for that alone, by whoever uses kafkajs.
import RequestQueue from 'kafkajs/src/network/requestQueue/index.js'

const queue = RequestQueue.prototype
// oxlint-disable-next-line typescript/unbound-method -- called with its own queue below
const schedule = queue.scheduleCheckPendingRequests
queue.scheduleCheckPendingRequests = function scheduleWhenPending() {
  if (this.pending.length > 0) schedule.call(this)
}
