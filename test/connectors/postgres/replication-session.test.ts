import { expect } from 'chai'
import { isSilent } from '#connectors/postgres/replication-session.ts'
import { parseKeepalive, standbyStatus } from '#connectors/postgres/pgoutput.ts'

const cases = [
  { name: 'heard a moment ago', heardAtMs: 99_000, readerBusyAtMs: 0, silent: false },
  { name: 'not heard for the whole timeout', heardAtMs: 39_000, readerBusyAtMs: 0, silent: true },
  {
    name: 'not heard, but the reader had not read what came',
    heardAtMs: 10_000,
    readerBusyAtMs: 99_000,
    silent: false,
  },
  { name: 'silent since the reader caught up', heardAtMs: 10_000, readerBusyAtMs: 39_000, silent: true },
]

describe('liveness of the replication stream', () => {
  for (const { name, silent, ...times } of cases)
    it(`${silent ? 'is over' : 'stands'}: ${name}`, () => {
      expect(isSilent({ nowMs: 100_000, timeoutMs: 60_000, ...times })).to.equal(silent)
    })

  it('is told in the status message of the protocol', () => {
    const status = standbyStatus(0x0102n, 0x0304n, Date.UTC(2000, 0, 1, 0, 0, 1), true)
    expect(status.toString('hex')).to.equal(
      '72' + '0000000000000102' + '0000000000000304'.repeat(2) + '00000000000f4240' + '01',
    )
    const keepalive = Buffer.from('6b' + '00000000000000aa' + '0000000000000000' + '01', 'hex')
    expect(parseKeepalive(keepalive, 1)).to.deep.equal({ walEnd: 0xaan, replyNow: true })
  })
})
