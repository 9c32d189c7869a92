import { expect } from 'chai'
import type { Plan } from '#api/plan.ts'
import { probedPlansMax } from '#api/probe.ts'
import { probeBatches } from '#operator/autoscale/probe-batches.ts'
import type { Waiting } from '#operator/autoscale/probe-batches.ts'
import { compiled } from '../sync-job/built.ts'

const dueAt = (
  nextProbeAtMs: number,
  name: string,
  change: (plan: Plan) => Partial<Plan> = () => ({}),
): Waiting => {
  const { job, plan } = compiled()
  return {
    compiled: {
      job: { ...job, metadata: { ...job.metadata, name } },
      plan: { ...plan, job: { ...plan.job, name }, ...change(plan) },
    },
    nextProbeAtMs,
    isDue: true,
  }
}
const names = (batches: readonly (readonly Waiting[])[]): string[][] =>
  batches.map(batch => batch.map(({ compiled: { job } }) => job.metadata.name))

describe('probeBatches', () => {
  it('puts jobs of one source and one target together, those first that have waited longest', () => {
    const waiting = [dueAt(3, 'a'), dueAt(1, 'b'), dueAt(2, 'c')]
    expect(names(probeBatches(waiting))).to.deep.equal([['b', 'c', 'a']])
  })

  it('takes jobs along that are not due yet, and begins nothing for them alone', () => {
    const early = { ...dueAt(2, 'early'), isDue: false }
    expect(names(probeBatches([early, dueAt(1, 'due')]))).to.deep.equal([['due', 'early']])
    expect(probeBatches([early])).to.deep.equal([])
  })

  const spec = (plan: Plan, changes: object): Plan['source'] => ({
    ...plan.target,
    spec: { ...plan.target.spec, ...changes },
  })
  const withoutKeys = (plan: Plan): Partial<Plan> => ({
    target: spec(plan, { s3: { endpoint: 'http://minio.lake.svc:9000' } }),
  })
  for (const { name, first, second } of [
    {
      name: 'with another target',
      first: undefined,
      second: (plan: Plan) => ({ target: spec(plan, { url: 's3://b' }) }),
    },
    {
      name: 'with another source',
      first: undefined,
      second: ({ source }: Plan) => ({ source: { ...source, name: 'another' } }),
    },
    { name: 'of another priority', first: undefined, second: () => ({ priority: 'core' as const }) },
    { name: 'whose pods are let in by who they are', first: withoutKeys, second: withoutKeys },
  ])
    it(`gives a job a pod of its own ${name}`, () => {
      expect(names(probeBatches([dueAt(2, 'a', first), dueAt(1, 'b', second)]))).to.deep.equal([['b'], ['a']])
    })

  it('looks for those of another namespace elsewhere, since a pod has the Secrets of its own', () => {
    const there = dueAt(2, 'there')
    there.compiled.job.metadata.namespace = 'elsewhere'
    expect(names(probeBatches([dueAt(1, 'here'), there]))).to.deep.equal([['here'], ['there']])
  })

  it('leaves for the next pod what would be too much for one to tell of', () => {
    const many = Array.from({ length: 100 }, (_, at) => dueAt(at, `job-${at}`))
    const [batch, ...more] = names(probeBatches(many))
    expect(batch).to.have.length(probedPlansMax)
    expect([batch?.[0], more]).to.deep.equal(['job-0', []])
  })

  it('leaves for the next pod what would be too large for one, and takes one job however large', () => {
    const large = (plan: Plan): Partial<Plan> => ({
      tables: plan.tables.map(table => ({ ...table, include: 'x'.repeat(600_000) })),
    })
    expect(names(probeBatches([dueAt(1, 'a', large), dueAt(2, 'b', large)]))).to.deep.equal([['a']])
    const huge = (plan: Plan): Partial<Plan> => ({
      tables: plan.tables.map(table => ({ ...table, include: 'x'.repeat(2_000_000) })),
    })
    expect(names(probeBatches([dueAt(1, 'a', huge)]))).to.deep.equal([['a']])
  })
})
