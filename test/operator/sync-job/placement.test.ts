import { expect } from 'chai'
import { readPlacement } from '#operator/sync-job/placement.ts'

describe('readPlacement', () => {
  it('reads what the chart gives, and nothing where nothing is given', () => {
    const placement = { nodeSelector: { pool: 'data' }, tolerations: [{ operator: 'Exists' as const }] }
    expect(readPlacement(JSON.stringify(placement))).to.deep.equal(placement)
    expect(readPlacement(undefined)).to.equal(null)
  })

  for (const [wrong, said] of [
    ['{"nodeselector":{}}', 'nodeselector'],
    ['{"tolerations":[{"effect":"Never"}]}', 'tolerations[0].effect'],
    ['pool=data', '--worker-placement'],
  ] as const)
    it(`refuses ${wrong}, and names what is wrong`, () => {
      expect(() => readPlacement(wrong)).to.throw(said)
    })
})
