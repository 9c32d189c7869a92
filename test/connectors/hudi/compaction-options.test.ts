import { expect } from 'chai'
import { compactionPolicy } from '#connectors/hudi/compaction-options.ts'
import { hudiTableOptions } from '#connectors/hudi/spec.ts'
import { defaultCompactionPolicy } from '#lake/services/plan-compaction.ts'
import { servicePolicy } from '#lake/services/table-services.ts'

const day = 24 * 3_600_000

describe('the options of compaction', () => {
  const policyOf = (options: object): ReturnType<typeof servicePolicy> =>
    servicePolicy(day, 0, compactionPolicy(hudiTableOptions.parse(options)))

  it('are those the library has by default, given or not', () => {
    expect(policyOf({}).compaction).to.deep.equal(defaultCompactionPolicy)
    expect(policyOf({ compaction: {} }).compaction).to.deep.equal(defaultCompactionPolicy)
    expect(policyOf({}).compactionBy).to.equal('worker')
  })

  it('say when, with how much, and who', () => {
    const compaction = { logFiles: 3, logPercent: 20, logAge: '90m', memoryMiB: 16 }
    const policy = policyOf({ compaction, tableServices: 'external' })
    expect(policy.compactionBy).to.equal('external')
    expect(policy.compaction).to.deep.equal({
      ...defaultCompactionPolicy,
      logFilesMin: 3,
      logFilesMax: 30,
      logBytesShareMax: 0.2,
      logAgeMsMax: 90 * 60_000,
      memoryBytes: 16 << 20,
    })
  })

  it('let no log become older than half the retention', () => {
    expect(policyOf({ compaction: { logAge: '100h' } }).compaction.logAgeMsMax).to.equal(day / 2)
  })
})
