// One outage at each call of a table's life in turn: whatever was under way (staging, the claim, placing files, the
// instant, compaction, cleaning, trimming, archiving), afterwards every row is there once, and what was left behind goes.
//
// SLUICE_FAULTS=all tries every call, which takes minutes for each kind of outage; SLUICE_FAULTS=2/5 every fifth from the
// second on, so that five processes together try every one. Otherwise a part of them, another for each kind of outage.
import { expect } from 'chai'
import { listDataFiles } from '#lake/reader/data-file.ts'
import { MemoryStore } from '#lake/storage/memory.ts'
import type { ObjectStore } from '#lake/storage/object-store.ts'
import { loadTimeline } from '#lake/timeline/timeline.ts'
import { fixedClock } from '../journal/table-fixture.ts'
import type { Outage } from './failing-store.ts'
import { FailingStore } from './failing-store.ts'
import type { Style } from './long-life.ts'
import { batches, expectedRows, live, liveOn, rowsOf } from './long-life.ts'

const codeOf: Readonly<Record<Outage, string>> = {
  unreachable: 'STORAGE_UNAVAILABLE',
  'answer lost': 'STORAGE_UNAVAILABLE',
  denied: 'STORAGE_DENIED',
  full: 'STORAGE_FULL',
}
const asked = process.env['SLUICE_FAULTS'] ?? ''

/** Which calls fail: every `stride`-th, from `first` on. */
function chosenCalls(kind: number): { first: number; stride: number } {
  if (asked === '') return { first: kind * 20, stride: 79 }
  const [part = 1, parts = 1] = asked === 'all' ? [] : asked.split('/').map(Number)
  return { first: part - 1, stride: parts }
}

function lifeClock() {
  const clock = fixedClock()
  return Object.assign(clock, {
    advance: (ms: number) => {
      clock.nowAtMs += ms
    },
  })
}

interface Lived {
  truth: MemoryStore
  store: FailingStore
  clock: ReturnType<typeof lifeClock>
  failures: string[]
}

async function liveThrough(style: Style, outage: Outage, failAt: number | null): Promise<Lived> {
  const truth = new MemoryStore()
  const store = new FailingStore(truth, outage)
  if (failAt !== null) store.failAt(failAt)
  const clock = lifeClock()
  const failures: string[] = []
  await live({
    store,
    style,
    clock,
    onFailure: ({ code }) => {
      failures.push(code)
      store.heal()
    },
  })
  store.heal()
  return { truth, store, clock, failures }
}

/** Data files that no completed instant made and none may: what failures left behind. */
async function orphans(store: ObjectStore): Promise<string[]> {
  const timeline = await loadTimeline(store, 2)
  const completed = new Set(timeline.map(({ instant }) => instant))
  const first = timeline[0]!.instant
  return (await listDataFiles(store))
    .filter(({ instant }) => instant >= first && !completed.has(instant))
    .map(({ path }) => path)
}

/** Kinds of objects besides data files: their paths with all that differs taken out. */
async function shapes(store: ObjectStore): Promise<Set<string>> {
  const found = new Set<string>()
  for await (const { path } of store.list('.hoodie/'))
    found.add(path.replaceAll(/[0-9a-f-]*\d[0-9a-f-]*/g, '#'))
  return found
}

describe('one outage at each call of a table’s life', function () {
  this.timeout(asked === '' ? 600_000 : 3_600_000)

  for (const style of ['keyed', 'rewritten', 'append'] as const)
    for (const [kind, outage] of (['unreachable', 'answer lost', 'denied', 'full'] as const).entries())
      it(`of a table that is ${style}: ${outage}`, async () => {
        const calm = await liveThrough(style, outage, null)
        const expected = expectedRows(style)
        expect(await rowsOf(calm.truth)).to.deep.equal(expected)
        await liveOn({ store: calm.truth, style, clock: calm.clock }, batches + 6)
        const shapesExpected = await shapes(calm.truth)
        let failed = 0
        const { first, stride } = chosenCalls(kind)
        for (let call = first; call < calm.store.calls; call += stride) {
          const { truth, store, clock, failures } = await liveThrough(style, outage, call)
          const what = `call ${call} (${store.failed ?? 'not reached'})`
          expect(
            failures.filter(code => code !== codeOf[outage]),
            what,
          ).to.deep.equal([])
          failed += failures.length > 0 ? 1 : 0
          expect(await rowsOf(truth), what).to.deep.equal(expected)
          const left = await orphans(truth)
          await liveOn({ store: truth, style, clock }, batches + 6)
          expect(await rowsOf(truth), `${what}, later`).to.deep.equal(expectedRows(style, batches + 6))
          const kept = new Set((await listDataFiles(truth)).map(({ path }) => path))
          expect(
            left.filter(path => kept.has(path)),
            `${what}: left behind`,
          ).to.deep.equal([])
          const more = [...(await shapes(truth))].filter(shape => !shapesExpected.has(shape))
          expect(more, `${what}: left behind`).to.deep.equal([])
        }
        expect(failed).to.be.above(0)
      })
})
