// Looks after a table as the lanes of a worker do, but every few seconds and with a retention of a minute, so that a
// soak of minutes sees what a table sees in days. A process of its own, that the soak kills like any other.
// usage: node test/soak/keeper.ts ENDPOINT ACCESS_KEY SECRET_KEY TABLE_URL
import { setTimeout as delay } from 'node:timers/promises'
import { systemClock } from '#common/clock.ts'
import { SyncError } from '#common/errors.ts'
import { servicePolicy, TableServices } from '#lake/services/table-services.ts'
import { openStore } from '#lake/storage/open.ts'
import { readDefinition } from '#lake/table/create.ts'

const retentionMs = 60_000
const intervalMs = 3_000

const [endpoint, accessKeyId, secretAccessKey, url] = process.argv.slice(2) as [
  string,
  string,
  string,
  string,
]
const s3 = { endpoint, region: 'us-east-1', pathStyle: true, credentials: { accessKeyId, secretAccessKey } }
const store = await openStore(url, { clock: systemClock, s3 })
const policy = servicePolicy(retentionMs)
const { signal } = new AbortController()

for (;;) {
  try {
    const definition = await readDefinition(store)
    if (definition !== null) {
      const services = new TableServices(
        { store, definition, clock: systemClock, writer: 'keeper' },
        { ...policy, intervalMs, cleaning: { ...policy.cleaning, everyMs: 0 } },
      )
      await services.run(signal)
    }
  } catch (error) {
    // The table may not be there yet; whatever else it is, the next round meets it again.
    if (!(error instanceof SyncError)) throw error
    process.stderr.write(`keeper: ${error.code}: ${error.message}\n`)
  }
  await delay(intervalMs)
}
