import { expect } from 'chai'
import { readManifests } from '#cli/manifests.ts'
import { secretValues } from '#cli/secret-manifest.ts'
import { problemLine } from '#cli/validate.ts'
import { invalidSamples } from '#test/api/invalid-samples.ts'

const header = 'apiVersion: sluice.dev/v1alpha1\n'
const shopDb = `${header}kind: DataSource
metadata: {name: shop-db}
spec: {type: postgres, postgres: {host: db, database: shop, user: {value: sluice}}}
`
const lake = `${header}kind: DataSource
metadata: {name: lake}
spec: {type: hudi, hudi: {url: "file:///var/lake"}}
`
const job = `${header}kind: SyncJob
metadata: {name: shop-to-lake}
spec:
  source: {name: shop-db}
  target: {name: lake}
  tables:
    - include: public.*
`

function problems(...texts: string[]): string[] {
  const files = texts.map((text, index) => ({ name: `${index + 1}.yaml`, text }))
  return readManifests(files).problems.map(problemLine)
}

describe('manifests', () => {
  it('reads several documents of several files', () => {
    const { manifests, problems: found } = readManifests([
      { name: 'a.yaml', text: `${shopDb}---\n${lake}` },
      { name: 'b.yaml', text: `# a comment\n---\n${job}---\n` },
    ])
    expect(found).to.deep.equal([])
    expect(manifests.dataSources.map(each => each.metadata.name)).to.deep.equal(['shop-db', 'lake'])
    expect(manifests.syncJobs[0]!.spec.freshness).to.equal('5s')
    expect(manifests.syncJobs[0]!.metadata.namespace).to.equal('default')
  })

  it('reads what kubectl get -o yaml prints', () => {
    const live = job.replace(
      'metadata: {name: shop-to-lake}',
      'metadata: {name: shop-to-lake, uid: 1-2, creationTimestamp: "2026-01-31T12:00:00Z", managedFields: [{manager: kubectl}]}\nstatus: {replicas: 2}',
    )
    expect(problems(shopDb, lake, live)).to.deep.equal([])
  })

  it('takes a resource that stands the same in two files once', () => {
    const { manifests, problems: found } = readManifests([
      { name: 'a.yaml', text: lake },
      { name: 'b.yaml', text: lake },
    ])
    expect(found).to.deep.equal([])
    expect(manifests.dataSources).to.have.length(1)
  })

  it('reads YAML as kubectl does: a time, or 1:30, is a text', () => {
    const timed = job + '  start: 2026-01-31T12:00:00Z\n'
    expect(problems(shopDb, lake, timed)).to.deep.equal([])
    expect(problems(shopDb, lake, job + '  start: 1:30\n')[0]).to.include('found "1:30"')
  })

  it('reads Secrets, stringData over data', () => {
    const text =
      'apiVersion: v1\nkind: Secret\nmetadata: {name: s}\ndata: {a: YQ==, b: eA==}\nstringData: {b: b}\n'
    const { manifests, problems: found } = readManifests([{ name: 's.yaml', text }])
    expect(found).to.deep.equal([])
    expect(secretValues(manifests.secrets[0]!)).to.deep.equal({ a: 'a', b: 'b' })
  })

  describe('refuses, as the API server does,', () => {
    for (const { name, yaml, validate } of invalidSamples)
      it(name, () => {
        expect(problems(yaml).join('\n')).to.include(validate)
      })
  })

  it('says where: file, line, column, resource and field', () => {
    expect(problems(`${shopDb}---\n${lake}---\n${job}    - inclde: audit.*\n`)).to.deep.equal([
      '1.yaml:19:7: SyncJob shop-to-lake: spec.tables[1].inclde: there is no such field; did you mean `include`?',
    ])
  })

  const documents: { name: string; texts: string[]; expected: string[] }[] = [
    {
      name: 'a kind it does not know',
      texts: [`${header}kind: SyncJb\n`],
      expected: [
        '1.yaml:2:1: SyncJb: kind: found "SyncJb"; allowed: DataSource, SyncJob, VirtualTable; did you mean SyncJob?',
      ],
    },
    {
      name: 'a version it does not know',
      texts: [job.replace('v1alpha1', 'v2')],
      expected: [
        '1.yaml:1:1: SyncJob shop-to-lake: apiVersion: found "sluice.dev/v2"; allowed: sluice.dev/v1alpha1',
      ],
    },
    {
      name: 'somebody else’s kind',
      texts: ['apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: x}\n'],
      expected: [
        '1.yaml:2:1: Deployment x: kind: found "apps/v1", "Deployment"; allowed: DataSource, SyncJob, VirtualTable of sluice.dev/v1alpha1, and Secret of v1',
      ],
    },
    {
      name: 'a document that is no object',
      texts: ['- a\n- b\n'],
      expected: [
        '1.yaml:1:1: document 1: kind: found nothing, nothing; allowed: DataSource, SyncJob, VirtualTable of sluice.dev/v1alpha1, and Secret of v1',
      ],
    },
    {
      name: 'YAML that is none, and reads on',
      texts: [`a: [\n---\n${header}kind: SyncJb\n`],
      expected: [
        '1.yaml:2:1: document 1: Flow sequence in block collection must be sufficiently indented and end with a ]',
        '1.yaml:4:1: SyncJb: kind: found "SyncJb"; allowed: DataSource, SyncJob, VirtualTable; did you mean SyncJob?',
      ],
    },
    {
      name: 'a field that stands twice',
      texts: ['a: 1\na: 2\n'],
      expected: ['1.yaml:2:1: document 1: Map keys must be unique'],
    },
    {
      name: 'two that differ for one resource',
      texts: [lake, lake.replace('var', 'srv')],
      expected: [
        '2.yaml:3:12: DataSource lake: metadata.name: there is another DataSource lake in namespace default that differs',
      ],
    },
    {
      name: 'a resource without a name',
      texts: [lake.replace('{name: lake}', '{}')],
      expected: ['1.yaml:3:1: DataSource: metadata.name: missing; allowed: a string'],
    },
    {
      name: 'a job whose source and target are nowhere',
      texts: [job],
      expected: [
        '1.yaml:5:12: SyncJob shop-to-lake: spec.source.name: there is no DataSource "shop-db" in namespace default; there are none',
        '1.yaml:6:12: SyncJob shop-to-lake: spec.target.name: there is no DataSource "lake" in namespace default; there are none',
      ],
    },
    {
      name: 'a lake with a problem, without calling it missing',
      texts: [shopDb, lake.replace('url', 'uri'), job],
      expected: ['2.yaml:4:27: DataSource lake: spec.hudi.uri: there is no such field; did you mean `url`?'],
    },
    {
      name: 'a source as the target',
      texts: [
        shopDb,
        lake,
        job
          .replace('source: {name: shop-db}', 'source: {name: lake}')
          .replace('target: {name: lake}', 'target: {name: shop-db}'),
      ],
      expected: [
        '3.yaml:5:12: SyncJob shop-to-lake: spec.source.name: DataSource lake is of type hudi, which cannot be a source; types that can: kafka, postgres',
        '3.yaml:6:12: SyncJob shop-to-lake: spec.target.name: DataSource shop-db is of type postgres, which cannot be a target; types that can: hudi',
      ],
    },
    {
      name: 'a VirtualTable of nothing',
      texts: [
        `${header}kind: VirtualTable\nmetadata: {name: t}\nspec: {source: {name: events, object: clicks}}\n`,
      ],
      expected: [
        '1.yaml:4:17: VirtualTable t: spec.source.name: there is no DataSource "events" in namespace default; there are none',
      ],
    },
  ]
  for (const { name, texts, expected } of documents)
    it(`refuses ${name}`, () => {
      expect(problems(...texts)).to.deep.equal(expected)
    })
})
