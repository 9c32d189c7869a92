import { expect } from 'chai'
import type { HeldLock } from '#lake/journal/storage-lock.ts'
import { lockPath, StorageLock } from '#lake/journal/storage-lock.ts'
import { MemoryStore } from '#lake/storage/memory.ts'
import { fixedClock } from './table-fixture.ts'

const { signal } = new AbortController()

/** Waiting for the lock takes no time, and renewals are due when the test says so. */
function lockClock() {
  const clock = fixedClock()
  const renewals: (() => void)[] = []
  return Object.assign(clock, {
    renewals,
    sleep: (ms: number, ended?: AbortSignal) => {
      if (ms < 10_000) clock.nowAtMs += ms
      return ms < 10_000
        ? Promise.resolve()
        : new Promise<void>(resolve => {
            renewals.push(resolve)
            ended?.addEventListener('abort', () => resolve())
          })
    },
  })
}

function lockIn(store: MemoryStore, clock = lockClock()): StorageLock {
  return StorageLock.of(store, clock)
}

async function lockFile(store: MemoryStore): Promise<Record<string, unknown>> {
  return JSON.parse(Buffer.from((await store.get(lockPath))!).toString()) as Record<string, unknown>
}

/** As StorageLockFile of Hudi writes it. */
function javaLock(validUntil: number, expired = false): Uint8Array {
  return Buffer.from(`{"expired":${expired},"validUntil":${validUntil},"owner":"a-java-writer"}`)
}

async function codeOf(work: Promise<unknown>): Promise<string> {
  return work.then(
    () => 'done',
    (error: { code: string }) => error.code,
  )
}

describe('the lock of a table', () => {
  it('is one object, held for a time, and given back as expired', async () => {
    const store = new MemoryStore()
    const clock = lockClock()
    await lockIn(store, clock).hold(signal, async () => {
      const file = await lockFile(store)
      expect(Object.keys(file)).to.deep.equal(['expired', 'validUntil', 'owner'])
      expect(file).to.include({ expired: false, validUntil: clock.nowAtMs + 60_000 })
    })
    expect(await lockFile(store)).to.include({ expired: true })
  })

  it('is given back when the work fails', async () => {
    const store = new MemoryStore()
    const failure = new Error('no')
    const held = lockIn(store).hold(signal, () => Promise.reject(failure))
    expect(await held.catch((error: unknown) => error)).to.equal(failure)
    expect(await lockFile(store)).to.include({ expired: true })
  })

  it('is taken over from a writer that gave it back', async () => {
    const store = new MemoryStore()
    await store.put(lockPath, javaLock(Date.UTC(2030, 1), true))
    expect(await lockIn(store).hold(signal, () => Promise.resolve('done'))).to.equal('done')
  })

  it('is waited for while another writer holds it, and taken over when its time is well past', async () => {
    const store = new MemoryStore()
    const clock = lockClock()
    const validUntil = clock.nowAtMs + 10_000
    await store.put(lockPath, javaLock(validUntil))
    await lockIn(store, clock).hold(signal, () => Promise.resolve())
    expect(clock.nowAtMs).to.be.greaterThan(validUntil + 500)
  })

  it('is not waited for without end', async () => {
    const store = new MemoryStore()
    await store.put(lockPath, javaLock(Date.UTC(2030, 1)))
    expect(await codeOf(lockIn(store).hold(signal, () => Promise.resolve()))).to.equal('LAKE_LOCK_HELD')
    expect(await lockFile(store)).to.include({ owner: 'a-java-writer' })
  })

  it('goes to one of two who find it free', async () => {
    const store = new MemoryStore()
    let holders = 0
    const work = async (): Promise<void> => {
      expect(++holders).to.equal(1)
      await new Promise(resolve => setTimeout(resolve, 2))
      holders--
    }
    const patient = (at: number) => ({
      ...lockClock(),
      uuid: () => `writer-${at}`,
      sleep: (_: number, ended?: AbortSignal) =>
        new Promise<void>(resolve => {
          setTimeout(resolve, 1)
          ended?.addEventListener('abort', () => resolve())
        }),
    })
    const locks = [0, 1, 2, 3].map(at => StorageLock.of(store, patient(at)))
    await Promise.all(locks.map(lock => lock.hold(signal, work)))
  })

  it('is no longer relied on when its time is nearly over', async () => {
    const clock = lockClock()
    const lock = lockIn(new MemoryStore(), clock)
    let held!: HeldLock
    void lock.hold(signal, given => {
      held = given
      return new Promise(() => {})
    })
    await new Promise(resolve => setTimeout(resolve, 5))
    held.assertHeld()
    clock.nowAtMs += 45_000
    expect(() => held.assertHeld()).to.throw('lost')
  })

  it('is lost when another writer took it, and is then left to that one', async () => {
    const store = new MemoryStore()
    const clock = lockClock()
    await lockIn(store, clock).hold(signal, async held => {
      await store.put(lockPath, javaLock(Date.UTC(2030, 1)))
      clock.renewals[0]!()
      await new Promise(resolve => setTimeout(resolve, 5))
      expect(() => held.assertHeld()).to.throw('lost')
    })
    expect(await lockFile(store)).to.include({ owner: 'a-java-writer', expired: false })
  })

  it('is renewed, so that long work keeps it', async () => {
    const store = new MemoryStore()
    const clock = lockClock()
    await lockIn(store, clock).hold(signal, async held => {
      for (let at = 0; at < 10; at++) {
        clock.nowAtMs += 10_000
        clock.renewals[at]!()
        await new Promise(resolve => setTimeout(resolve, 2))
        held.assertHeld()
      }
      expect(await lockFile(store)).to.include({ expired: false, validUntil: clock.nowAtMs + 60_000 })
    })
  })

  it('cannot be had in a store that knows no conditional replacement', () => {
    const { putTagged: _, ...plain } = { putTagged: null, url: 'file:///lake' }
    expect(() => StorageLock.of(plain as never, fixedClock())).to.throw('no lock')
  })
})
