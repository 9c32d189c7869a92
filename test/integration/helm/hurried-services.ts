// Loaded into a worker before its own program: table services come round fifteen times as often.
import { systemClock } from '#common/clock.ts'
import { defaultServicePolicy } from '#lake/services/table-services.ts'

const speed = 15
/** A lane looks for work after half a minute at least; nothing else in it that is waited for so long matters here. */
const longMs = 30_000

defaultServicePolicy.intervalMs /= speed
const sleep = systemClock.sleep.bind(systemClock)
systemClock.sleep = (ms, signal) => sleep(ms < longMs ? ms : ms / speed, signal)
