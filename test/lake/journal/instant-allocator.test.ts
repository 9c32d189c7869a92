import { expect } from 'chai'
import { fixedClock } from './table-fixture.ts'
import { InstantAllocator, reservationBound, reservationFolder } from '#lake/journal/instant-allocator.ts'
import { MemoryStore } from '#lake/storage/memory.ts'
import { firstInstant, formatInstant, parseInstant } from '#lake/timeline/instant.ts'

describe('InstantAllocator', () => {
  it('gives no two writers one instant', async () => {
    const store = new MemoryStore()
    const seen = new Set<string>()
    for (let writer = 0; writer < 30; writer++) {
      const clock = fixedClock()
      const allocator = new InstantAllocator(store, clock)
      for (let i = 0; i < 40; i++) {
        const instant = await allocator.next(firstInstant)
        expect(seen.has(instant)).to.equal(false)
        seen.add(instant)
        clock.nowAtMs += i % 3 === 0 ? 5_000 : 1
      }
    }
  })

  it('rises, stays after the given instant and near the clock', async () => {
    const clock = fixedClock()
    const allocator = new InstantAllocator(new MemoryStore(), clock)
    let last = firstInstant
    for (let i = 0; i < 50; i++) {
      const next = await allocator.next(last)
      expect(next > last).to.equal(true)
      last = next
      clock.nowAtMs += 200
      expect(Math.abs(parseInstant(next) - clock.nowAtMs)).to.be.lessThan(400)
    }
    const ahead = formatInstant(clock.nowAtMs + 3_600_000)
    expect((await allocator.next(ahead)) > ahead).to.equal(true)
  })

  it('is ahead of the clock only where it must be', async () => {
    const clock = fixedClock(Date.UTC(2026, 10, 24, 12, 0, 30))
    const allocator = new InstantAllocator(new MemoryStore(), clock)
    for (let i = 0; i < 50; i++) {
      expect(parseInstant(await allocator.next(firstInstant))).to.be.within(clock.nowAtMs - 99, clock.nowAtMs)
      clock.nowAtMs += 100 + i
    }
    const last = await allocator.next(firstInstant)
    expect(parseInstant(await allocator.next(last))).to.equal(parseInstant(last) + 100)
  })

  it('asks the store once a minute', async () => {
    const store = new MemoryStore()
    const clock = fixedClock()
    const allocator = new InstantAllocator(store, clock)
    for (let i = 0; i < 100; i++) {
      await allocator.next(firstInstant)
      clock.nowAtMs += 1_000
    }
    const reservations: string[] = []
    for await (const { path } of store.list(reservationFolder)) reservations.push(path)
    expect(reservations).to.have.length(2)
  })

  it('goes to the next minute when all of one are taken', async () => {
    const store = new MemoryStore()
    const nowMs = fixedClock().nowMs()
    const instants = new Set<string>()
    for (let writer = 0; writer < 150; writer++)
      instants.add(await new InstantAllocator(store, fixedClock(nowMs)).next(firstInstant))
    expect(instants.size).to.equal(150)
    expect([...instants].filter(instant => instant >= formatInstant(nowMs + 60_000))).to.have.length(50)
  })

  it('does not use a reservation it slept over', async () => {
    const clock = fixedClock()
    const startMs = clock.nowAtMs
    const store = new MemoryStore()
    const putIfAbsent = store.putIfAbsent.bind(store)
    store.putIfAbsent = (path, bytes) => {
      if (clock.nowAtMs === startMs) clock.nowAtMs += 3_600_000
      return putIfAbsent(path, bytes)
    }
    const instant = await new InstantAllocator(store, clock).next(firstInstant)
    expect(parseInstant(instant)).to.be.at.least(clock.nowAtMs)
  })

  it('knows which reservations are over', () => {
    const bound = reservationBound('20261124120130000')
    expect(`${reservationFolder}202611241200-99` < bound).to.equal(true)
    expect(`${reservationFolder}202611241201-00` < bound).to.equal(false)
  })
})
