import { expect } from 'chai'
import type { Plan } from '#api/plan.ts'
import { Lane } from '#worker/lane.ts'
import type { FromLane } from '#worker/lane-protocol.ts'

describe('Lane', () => {
  it('tells of each grant how it ended: replaced by another, failed, or stopped', async () => {
    const reports: FromLane[] = []
    // Neither end can be opened.
    const endpoint = { name: 'nowhere', type: 'none', spec: {} }
    const plan = { source: endpoint, target: endpoint, job: { namespace: 'n', name: 'j' } } as unknown as Plan
    const secrets = { directory: null, variables: {} }
    const data = { lane: 0, plan, secrets, logLevel: 'silent', pace: null } as const
    const lane = new Lane(data, report => reports.push(report))
    const grant = (id: number) => ({ kind: 'grant', grant: { id, splits: [], tables: [] } }) as const
    void lane.take(grant(1))
    await lane.take(grant(2))
    void lane.take(grant(3))
    await lane.take({ kind: 'stop' })
    const ends = reports.map(report => ('grant' in report ? [report.kind, report.grant] : [report.kind]))
    expect(ends).to.deep.equal([['drained', 1], ['failed', 2], ['drained', 3], ['stopped']])
  })
})
