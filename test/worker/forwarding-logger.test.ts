import { expect } from 'chai'
import type { LogLevel } from '#common/logger.ts'
import { forwardingLogger } from '#worker/forwarding-logger.ts'
import type { FromLane } from '#worker/lane-protocol.ts'

function heard(level: LogLevel): FromLane[] {
  const reports: FromLane[] = []
  const logger = forwardingLogger(level, report => reports.push(report), { lane: 1 })
  logger.debug('fine')
  logger.child({ connector: 'kafka' }).warn('late', { topic: 't' })
  logger.error('broken')
  return reports
}

describe('the log of a lane', () => {
  it('goes to the main thread with the fields of the logger and of the line', () => {
    expect(heard('warn')).to.deep.equal([
      {
        kind: 'log',
        severity: 'warn',
        message: 'late',
        fields: { lane: 1, connector: 'kafka', topic: 't' },
      },
      { kind: 'log', severity: 'error', message: 'broken', fields: { lane: 1 } },
    ])
  })

  it('says no more than the level asks for', () => {
    expect(heard('debug')).to.have.length(3)
    expect(heard('error')).to.have.length(1)
    expect(heard('silent')).to.have.length(0)
  })
})
