// The life of a table on a real S3 server, with an outage of the network or the server at requests all over it. What
// test/lake/faults does at every call of a store in memory, this does with real HTTP at a part of them; at the end
// hudi-rs says as well what is in the table. Several tables live at the same time: most of it is waiting.
import { expect } from 'chai'
import { canonicalJson } from '#test/bed/canonical.ts'
import type { Fault } from '#test/bed/fault-proxy.ts'
import { operationOf, startFaultProxy } from '#test/bed/fault-proxy.ts'
import { HudiReaders } from '#test/bed/hudi-readers.ts'
import type { BedMinio } from '#test/bed/minio.ts'
import { startMinio } from '#test/bed/minio.ts'
import { requires } from '#test/bed/requires.ts'
import { fixedClock } from '#test/lake/journal/table-fixture.ts'
import type { Style } from '#test/lake/faults/long-life.ts'
import { expectedRows, live, rowsOf } from '#test/lake/faults/long-life.ts'
import { inOrder } from '#test/lake/table/model.ts'
import { systemClock } from '#common/clock.ts'
import { openStore } from '#lake/storage/open.ts'
import type { ObjectStore } from '#lake/storage/object-store.ts'

/** Outages are long for the client, and short for the test. */
const timeouts = { connectMs: 200, silenceMs: 150, callMs: 400 }
const outagesEach = 6
const livesAtOnce = 4

const faults: Readonly<Record<string, { fault: Fault; code: string }>> = {
  '403': { fault: { kind: 'answer', status: 403, code: 'AccessDenied' }, code: 'STORAGE_DENIED' },
  '500': { fault: { kind: 'answer', status: 500, code: 'InternalError' }, code: 'STORAGE_UNAVAILABLE' },
  '503': { fault: { kind: 'answer', status: 503, code: 'SlowDown' }, code: 'STORAGE_UNAVAILABLE' },
  '507': { fault: { kind: 'answer', status: 507, code: 'XMinioStorageFull' }, code: 'STORAGE_FULL' },
  silence: { fault: { kind: 'black hole' }, code: 'STORAGE_UNAVAILABLE' },
  'half uploads': { fault: { kind: 'reset in request', afterBytes: 50 }, code: 'STORAGE_UNAVAILABLE' },
  'half answers': { fault: { kind: 'reset in answer', afterBytes: 50 }, code: 'STORAGE_UNAVAILABLE' },
  'lost answers': { fault: { kind: 'lose answer' }, code: 'STORAGE_UNAVAILABLE' },
}

const styles = ['keyed', 'append'] as const

interface Outages {
  style: Style
  fault: Fault
  /** Requests between two outages. */
  spacing: number
}

interface Life {
  folder: string
  /** The codes a worker heard. */
  heard: Set<string>
}

describe('a table on S3 through outages', function () {
  this.timeout(300_000)
  requires('minio', 'hudi-rs')
  let minio: BedMinio
  let readers: HudiReaders
  const lives = new Map<string, PromiseWithResolvers<Life>>()
  for (const name of Object.keys(faults))
    for (const style of styles) lives.set(`${style}: ${name}`, Promise.withResolvers<Life>())

  before(async () => {
    minio = await startMinio()
    await minio.createBucket('lake')
    readers = await HudiReaders.start()
    const waiting = Object.entries(faults).flatMap(([name, { fault }], index) =>
      styles.map(style => ({ style, fault, spacing: 61 + 7 * index, life: lives.get(`${style}: ${name}`)! })),
    )
    for (const { promise } of lives.values()) promise.catch(() => undefined) // its test tells
    for (let lane = 0; lane < livesAtOnce; lane++)
      void (async () => {
        for (let next = waiting.shift(); next !== undefined; next = waiting.shift())
          await liveThrough(next).then(next.life.resolve, next.life.reject)
      })()
  })

  after(async () => {
    await readers?.stop()
    await minio?.stop()
  })

  function open(folder: string, endpoint: string): Promise<ObjectStore> {
    const credentials = { accessKeyId: minio.accessKey, secretAccessKey: minio.secretKey }
    const s3 = { endpoint, pathStyle: true, credentials, timeouts }
    return openStore(`s3://lake/${folder}`, { clock: systemClock, s3 })
  }

  /** Lives a table, with an outage each time so many requests went well. */
  async function liveThrough({ style, fault, spacing }: Outages): Promise<Life> {
    const folder = `${style}-${spacing}`
    const proxy = await startFaultProxy(minio.endpoint)
    const store = await open(folder, proxy.endpoint)
    const clock = Object.assign(fixedClock(), { advance: (ms: number) => void (clock.nowAtMs += ms) })
    const heard = new Set<string>()
    let [outages, nextAt] = [0, spacing]
    proxy.setRule(request => {
      if (outages >= outagesEach || request.number < nextAt) return null
      // Answers are cut where there is a body.
      return fault.kind === 'reset in answer' && operationOf(request) !== 'GetObject' ? null : fault
    })
    const onFailure = ({ code }: { code: string }): void => {
      heard.add(code)
      outages++
      nextAt = proxy.seen.length + spacing
    }
    await live({ store, style, clock, onFailure })
    await store.close()
    await proxy.stop()
    expect(outages).to.be.above(0)
    return { folder, heard }
  }

  for (const [name, { code }] of Object.entries(faults))
    for (const style of styles)
      it(`${style}: ${name}`, async () => {
        const { folder, heard } = await lives.get(`${style}: ${name}`)!.promise
        // On a busy machine a request may besides take longer than these time limits.
        expect([...heard]).to.include(code)
        expect([...heard].filter(one => one !== code && one !== 'STORAGE_UNAVAILABLE')).to.deep.equal([])
        const expected = expectedRows(style)
        const store = await open(folder, minio.endpoint)
        expect(await rowsOf(store)).to.deep.equal(expected)
        await store.close()
        const read = await readers.readHudiRs(`s3://lake/${folder}`, { s3: minio })
        expect(inOrder(read).map(canonicalJson)).to.deep.equal(expected.map(canonicalJson))
      })
})
