import { expect } from 'chai'
import type { PlanEndpoint } from '#api/plan.ts'
import { ConfigError } from '#common/errors.ts'
import type { NetworkRule } from '#operator/resources.ts'
import { buildChildren } from '#operator/sync-job/children.ts'
import { buildCheckPolicy, buildNetworkPolicy, readPolicyAround } from '#operator/sync-job/network-policy.ts'
import { compiled, worker } from './built.ts'

const prometheus = { namespaceSelector: { matchLabels: { 'kubernetes.io/metadata.name': 'monitoring' } } }
const operator = { podSelector: { matchLabels: { 'app.kubernetes.io/component': 'operator' } } }
const around = { readers: [operator, prometheus], masters: [operator], egress: [] }

/** The rules for the two ends of a plan, without those that all jobs have. */
function rulesFor(
  source: PlanEndpoint['spec'],
  { type = 'postgres', target = { url: 'file:///lake' } } = {},
) {
  const { job, plan } = compiled()
  const ends = { source: { ...plan.source, type, spec: source }, target: { ...plan.target, spec: target } }
  const { egress } = buildNetworkPolicy(job, { ...plan, ...ends }, { ...around, masters: [] }).spec
  return egress.slice(1)
}

const port = (number: number): Pick<NetworkRule, 'ports'> => ({ ports: [{ protocol: 'TCP', port: number }] })
const address = (cidr: string): NetworkRule['to'] => [{ ipBlock: { cidr } }]
const namespace = (name: string): NetworkRule => ({
  to: [{ namespaceSelector: { matchLabels: { 'kubernetes.io/metadata.name': name } } }],
})

describe('the network policy of a job', () => {
  it('lets in those that read the status, and out to DNS, the master and both ends', () => {
    const { job, plan } = compiled()
    const { metadata, spec } = buildNetworkPolicy(job, plan, around)
    expect(metadata).to.deep.include({ name: 'shop-to-lake-worker', namespace: 'shop' })
    expect(metadata.ownerReferences?.[0]?.name).to.equal('shop-to-lake')
    expect(spec.podSelector).to.deep.equal({
      matchLabels: { 'app.kubernetes.io/name': 'sluice', 'sluice.dev/job': 'shop-to-lake' },
      matchExpressions: [
        { key: 'app.kubernetes.io/component', operator: 'In', values: ['worker', 'teardown', 'probe'] },
      ],
    })
    expect(spec.ingress).to.deep.equal([{ ...port(9464), from: [operator, prometheus] }])
    const [dns, heartbeats, ...ends] = spec.egress
    expect(dns).to.deep.equal({
      ports: [
        { protocol: 'UDP', port: 53 },
        { protocol: 'TCP', port: 53 },
      ],
    })
    expect(heartbeats).to.deep.equal({ ...port(9465), to: [operator] })
    expect(ends, 'shop-db.shop.svc and minio.lake.svc').to.deep.equal([namespace('shop'), namespace('lake')])
  })

  const cases = [
    { host: '10.1.2.3', rules: [{ ...port(5432), to: address('10.1.2.3/32') }] },
    { host: 'fd00::7', rules: [{ ...port(5432), to: address('fd00::7/128') }] },
    { host: 'db.example.com', rules: [port(5432)] },
    { host: 'db', rules: [namespace('shop')] },
    { host: 'db.bank', rules: [namespace('bank'), port(5432)] },
    { host: 'db.bank.svc.cluster.local.', rules: [namespace('bank')] },
    { host: '/var/run/postgresql', rules: [] },
  ]
  for (const { host, rules } of cases)
    it(`knows ${host} as far as policies can`, () => {
      expect(rulesFor({ host, port: 5432 })).to.deep.equal(rules)
    })

  it('lets out to brokers that only the named ones tell of, at the same ports', () => {
    const brokers = ['10.0.0.1:9092', '[fd00::1]:9092', 'kafka.events.svc:9093']
    expect(rulesFor({ brokers }, { type: 'kafka' })).to.deep.equal([
      { ...port(9092), to: address('10.0.0.1/32') },
      { ...port(9092), to: address('fd00::1/128') },
      namespace('events'),
      port(9092),
      port(9093),
    ])
  })

  it('lets out to the store, and without keys to where pods get their identity from', () => {
    const db = { host: '/socket', port: 1 }
    const keys = { accessKeyId: { value: 'a' }, secretAccessKey: { value: 'b' } }
    const withKeys = (s3: object) => rulesFor(db, { target: { url: 's3://lake/ods', ...s3 } })
    expect(withKeys({ s3: { endpoint: 'http://10.0.0.9:9000', ...keys } })).to.deep.equal([
      { ...port(9000), to: address('10.0.0.9/32') },
    ])
    expect(withKeys({ s3: { endpoint: 'https://s3.example.com', ...keys } })).to.deep.equal([port(443)])
    const identity = ['169.254.169.254', '169.254.170.2', '169.254.170.23']
    expect(withKeys({})).to.deep.equal([
      port(443),
      ...identity.map(host => ({ ...port(80), to: address(`${host}/32`) })),
    ])
  })

  it('is another for the check of a plan, which may name other ends', () => {
    const { job, plan } = compiled()
    const check = buildCheckPolicy(job, plan, around)
    expect(check.metadata.name).to.equal('shop-to-lake-check')
    expect(check.spec.podSelector.matchExpressions?.[0]?.values).to.deep.equal(['check'])
  })

  it('is made only where the operator is told to', () => {
    const { job, plan } = compiled()
    expect(buildChildren(job, plan, worker, 1).networkPolicy).to.equal(null)
    const told = { ...worker, networkPolicy: readPolicyAround(JSON.stringify({ readers: [prometheus] })) }
    expect(buildChildren(job, plan, told, 1).networkPolicy?.spec.ingress[0]?.from).to.deep.equal([prometheus])
    expect(readPolicyAround(undefined)).to.equal(null)
    for (const text of ['', '{', '{}', '{"readers": []}', '{"readers": [1]}'])
      expect(() => readPolicyAround(text), text).to.throw(ConfigError, /--job-network-policy is not valid/)
  })
})
