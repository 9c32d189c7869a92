import { expect } from 'chai'
import { createMetrics } from '#common/metrics.ts'
import { observe } from '#worker/observe.ts'

const job = { namespace: 'shop', name: 'shop-to-lake' }

async function errorsOf(message: Parameters<typeof observe>[3]): Promise<Record<string, number>> {
  const metrics = createMetrics()
  observe(metrics, job, 0, message)
  const { values } = await metrics.errors.get()
  return Object.fromEntries(values.map(({ labels, value }) => [`${labels['job']} ${labels['code']}`, value]))
}

describe('metrics of a lane', () => {
  it('count a failure by its code', async () => {
    const failure = { code: 'STORAGE_DENIED', message: '', context: {}, disposition: 'retry' } as const
    expect(await errorsOf({ kind: 'failed', grant: 1, failure })).to.deep.equal({
      'shop/shop-to-lake STORAGE_DENIED': 1,
    })
  })

  it('count what compacting and cleaning fail at, though syncing goes on', async () => {
    expect(
      await errorsOf({ kind: 'service-failed', table: 'orders', code: 'STORAGE_UNAVAILABLE' }),
    ).to.deep.equal({ 'shop/shop-to-lake STORAGE_UNAVAILABLE': 1 })
  })
})
