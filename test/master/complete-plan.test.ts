import { expect } from 'chai'
import type { Plan } from '#api/plan.ts'
import { connectorCode } from '#connectors/load.ts'
import { connectors } from '#connectors/registry.ts'
import { completePlan } from '#master/complete-plan.ts'

const plan: Plan = {
  version: 1,
  job: { namespace: 'shop', name: 'to-lake' },
  source: { name: 'events', type: 'kafka', spec: { brokers: ['kafka:9092'] } },
  target: { name: 'lake', type: 'hudi', spec: { url: 'file:///lake' } },
  discovery: { include: ['*'], exclude: [] },
  virtualTables: [],
  tables: [{ include: 'clicks', exclude: [], targetTable: null, key: null, options: { buckets: 2 } }],
  mode: 'stream',
  start: 'earliest',
  freshnessMs: 1000,
  schemaEvolution: 'evolve',
  badRecords: { policy: 'fail' },
  priority: 'normal',
  worker: { lanes: 1, bufferBytesMax: 1 << 20 },
}

describe('completePlan', () => {
  it('fills in what a plan of an older version leaves out', () => {
    const { source, target, tables } = completePlan(plan)
    expect(source.spec).to.deep.include({ brokers: ['kafka:9092'], commitOffsets: true })
    expect(target.spec).to.deep.equal({ url: 'file:///lake', tableVersion: 8 })
    expect(tables[0]!.options).to.deep.include({ buckets: 2, retentionHours: 24 })
    expect(completePlan(completePlan(plan))).to.deep.equal(completePlan(plan))
  })

  const rule = plan.tables[0]!
  for (const { name, wrong, says } of [
    {
      name: 'an option that does not exist',
      wrong: { tables: [{ ...rule, options: { partitionedBy: ['day'] } }] },
      says: 'hudi of table clicks is not valid: partitionedBy',
    },
    {
      name: 'an option out of range',
      wrong: { tables: [{ ...rule, options: { buckets: 0 } }] },
      says: 'buckets: ',
    },
    {
      name: 'an endpoint without what it needs',
      wrong: { source: { ...plan.source, spec: {} } },
      says: 'kafka of events is not valid: brokers',
    },
    {
      name: 'a connector there is none of',
      wrong: { source: { ...plan.source, type: 'carrier-pigeon' } },
      says: 'carrier-pigeon',
    },
  ])
    it(`refuses ${name}`, () => {
      expect(() => completePlan({ ...plan, ...wrong }))
        .to.throw(says)
        .with.property('code', 'SPEC_INVALID')
    })

  it('knows the code of each connector that people can name', () => {
    expect(Object.keys(connectorCode).toSorted()).to.deep.equal(Object.keys(connectors).toSorted())
  })
})
