import { expect } from 'chai'
import fc from 'fast-check'
import { asleepFrom, decideSleep } from '#master/autoscale/sleep.ts'
import type { ProbeOutcome, Sleep, Sleeper, SleepStep } from '#master/autoscale/sleep.ts'

const minuteMs = 60_000
const intervalMs = 2 * minuteMs
const nowMs = 100 * minuteMs

const sleep = (changes: Partial<Sleep> = {}): Sleep => ({
  intervalMs,
  nextProbeAtMs: nowMs + minuteMs,
  answeredAtMs: nowMs - minuteMs,
  failures: 0,
  complaint: null,
  ...changes,
})

const decide = (changes: Partial<Sleeper> = {}): SleepStep =>
  decideSleep({
    sleep: sleep(),
    changed: false,
    outcome: null,
    isProbing: false,
    nowMs,
    random: 0.5,
    ...changes,
  })

const failed: ProbeOutcome = { kind: 'failed', complaint: 'SOURCE_UNREACHABLE: it does not answer.' }

describe('A job without workers', () => {
  for (const { name, given, expected } of [
    { name: 'sleeps until it is looked at', given: {}, expected: 'sleep' },
    {
      name: 'is looked at when it is time',
      given: { sleep: sleep({ nextProbeAtMs: nowMs }) },
      expected: 'probe',
    },
    {
      name: 'is not looked at twice at once',
      given: { sleep: sleep({ nextProbeAtMs: nowMs }), isProbing: true },
      expected: 'sleep',
    },
    {
      name: 'sleeps on when there is nothing to read',
      given: { outcome: { kind: 'nothing' } as const },
      expected: 'sleep',
    },
    {
      name: 'wakes when there is something to read',
      given: { outcome: { kind: 'unread', what: '3 records wait.' } as const },
      expected: 'Waking: 3 records wait.',
    },
    {
      name: 'wakes when it is changed, whatever else',
      given: { changed: true, outcome: failed },
      expected: 'SpecChanged: The job, or a resource it names, was changed.',
    },
    { name: 'sleeps on after a look that failed', given: { outcome: failed }, expected: 'sleep' },
    {
      name: 'wakes after three of them in a row, and says what the last one said',
      given: { sleep: sleep({ failures: 2 }), outcome: failed },
      expected: 'SourceUnseen: SOURCE_UNREACHABLE: it does not answer.',
    },
    {
      name: 'wakes when nobody looked for too long',
      given: { sleep: sleep({ answeredAtMs: nowMs - 10 * minuteMs, nextProbeAtMs: nowMs - 8 * minuteMs }) },
      expected: 'SourceUnseen: It was not its turn to be looked at.',
    },
    {
      name: 'sleeps longer than that where it is to be looked at more rarely',
      given: { sleep: sleep({ intervalMs: 60 * minuteMs, answeredAtMs: nowMs - 170 * minuteMs }) },
      expected: 'sleep',
    },
    {
      name: 'forgets failures when a look tells something',
      given: { sleep: sleep({ failures: 2 }), outcome: { kind: 'nothing' } as const },
      expected: 'sleep',
    },
  ])
    it(name, () => {
      const decided = decide(given)
      expect(decided.step === 'wake' ? `${decided.reason}: ${decided.what}` : decided.step).to.equal(expected)
    })

  it('remembers when a look told something, and how often none did since', () => {
    const after = (outcome: ProbeOutcome, before: Partial<Sleep>) => {
      const decided = decide({ outcome, sleep: sleep(before) })
      return decided.step === 'wake' ? null : decided.sleep
    }
    expect(after({ kind: 'nothing' }, { failures: 2, complaint: 'x' })).to.deep.equal(
      sleep({ answeredAtMs: nowMs, nextProbeAtMs: nowMs + intervalMs }),
    )
    expect(after(failed, { failures: 1 })).to.deep.equal(
      sleep({ failures: 2, complaint: failed.complaint, nextProbeAtMs: nowMs + intervalMs }),
    )
  })

  it('is looked at about as often as asked, and a thousand of them not all at the same time', () => {
    const random = fc.double({ min: 0, max: 1, noNaN: true })
    fc.assert(
      fc.property(random, random, (first, next) => {
        const { nextProbeAtMs } = asleepFrom(nowMs, intervalMs, first)
        expect(nextProbeAtMs - nowMs).to.be.within(intervalMs / 2, intervalMs)
        const decided = decide({ outcome: { kind: 'nothing' }, random: next })
        const again = decided.step === 'sleep' ? decided.sleep.nextProbeAtMs - nowMs : 0
        expect(again).to.be.within(0.8 * intervalMs, 1.2 * intervalMs)
      }),
    )
    const spread = new Set(
      [0, 0.25, 0.5, 0.75].map(each => asleepFrom(nowMs, intervalMs, each).nextProbeAtMs),
    )
    expect(spread.size).to.equal(4)
  })
})
