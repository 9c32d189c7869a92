import { expect } from 'chai'
import type { Pod } from '#operator/resources.ts'
import { lastComplaint } from '#operator/sync-job/job-outcome.ts'

describe('lastComplaint', () => {
  it('knows what the last failed pod said', () => {
    const pod = (finishedAt: string, message: string, exitCode = 1): Pod => ({
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { name: finishedAt },
      spec: { containers: [] },
      status: {
        containerStatuses: [{ restartCount: 0, state: { terminated: { exitCode, message, finishedAt } } }],
      },
    })
    const pods = [pod('2026-01-01T00:02:00Z', 'last\n'), pod('2026-01-01T00:01:00Z', 'first')]
    expect(lastComplaint(pods)).to.equal('last')
    expect(lastComplaint([pod('2026-01-01T00:02:00Z', 'fine', 0)])).to.equal(null)
  })
})
