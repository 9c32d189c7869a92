import { expect } from 'chai'
import { ByteBudget } from '#common/byte-budget.ts'

const never = new AbortController().signal

/** Resolves to whether the promise is still waiting after all ready work was done. */
async function isWaiting(promise: Promise<unknown>): Promise<boolean> {
  const waiting = Symbol('waiting')
  const turn = new Promise(resolve => setImmediate(() => resolve(waiting)))
  return (await Promise.race([promise, turn])) === waiting
}

describe('byte budget', () => {
  it('makes a producer wait until a consumer gives back', async () => {
    const budget = new ByteBudget(100)
    await budget.take(80, never)
    const second = budget.take(30, never)
    expect(await isWaiting(second)).to.equal(true)
    expect(budget.pressed).to.equal(true)
    budget.give(80)
    await second
    expect(budget.usedBytes).to.equal(30)
    expect(budget.pressed).to.equal(false)
  })

  it('lets one piece larger than the whole budget in when nothing else is held', async () => {
    const budget = new ByteBudget(10)
    await budget.take(1000, never)
    expect(await isWaiting(budget.take(1, never))).to.equal(true)
  })

  it('makes producers wait for what is charged as for what was taken', async () => {
    const budget = new ByteBudget(100)
    await budget.take(40, never)
    budget.charge(80)
    const next = budget.take(10, never)
    budget.give(40)
    expect(await isWaiting(budget.take(20, never))).to.equal(true)
    await next
    expect(budget.usedBytes).to.equal(90)
    budget.give(80)
    expect(budget.usedBytes).to.equal(30)
  })

  it('serves in order: a small piece does not overtake a large one that waits', async () => {
    const budget = new ByteBudget(100)
    await budget.take(60, never)
    const large = budget.take(50, never)
    const small = budget.take(10, never)
    expect(await isWaiting(small)).to.equal(true)
    budget.give(60)
    await Promise.all([large, small])
    expect(budget.usedBytes).to.equal(60)
  })

  it('lets those behind in when the one that waits in front gives up', async () => {
    const budget = new ByteBudget(100)
    await budget.take(60, never)
    const impatient = new AbortController()
    const large = budget.take(90, impatient.signal)
    const small = budget.take(10, never)
    impatient.abort(new Error('gave up'))
    expect(
      await large.then(
        () => 'in',
        (error: Error) => error.message,
      ),
    ).to.equal('gave up')
    await small
    expect(budget.usedBytes).to.equal(70)
  })
})
