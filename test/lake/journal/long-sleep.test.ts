import { expect } from 'chai'
import { FencedError, TransientError } from '#common/errors.ts'
import { entryPath } from '#lake/journal/entry.ts'
import { commitsOf, newTable, stagedStep } from './table-fixture.ts'
import { HookedStore } from '../services/hooked-store.ts'

const hourMs = 3_600_000

describe('a writer that slept until its commit was taken off the timeline', () => {
  it('does not put it back, and hears that others went on', async () => {
    const { clock, store, open } = await newTable()
    const away = new HookedStore(store)
    const sleeper = await open('sleeper', away)
    const step = await stagedStep(sleeper, { split: 's', from: null, to: '1' })
    away.beforePut = path => {
      if (path.includes('/timeline/')) throw new TransientError('asleep', { code: 'STORAGE_UNAVAILABLE' })
    }
    const failed = await sleeper.commit(step).catch((error: unknown) => error)
    expect(failed).to.be.instanceOf(TransientError)

    const other = await open('other')
    for (let at = 1; at < 4; at++)
      await other.commit(await stagedStep(other, { split: 's', from: String(at), to: String(at + 1) }))
    const [first, ...rest] = await commitsOf(store)
    expect(first!.instant).to.equal(step.instant)
    await store.delete([entryPath(2), entryPath(3), first!.path])
    clock.nowAtMs += 30 * hourMs

    away.beforePut = () => undefined
    const fenced = await sleeper.commit(step).catch((error: unknown) => error)
    expect(fenced).to.be.instanceOf(FencedError)
    expect(await commitsOf(store)).to.deep.equal(rest)
  })
})
