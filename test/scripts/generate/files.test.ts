import { expect } from 'chai'
import { parse } from 'yaml'
import { openApiSchema, type OpenApiSchema } from '#api/openapi.ts'
import { resourceKinds } from '#connectors/resource-kinds.ts'
import { generatedFiles } from '#scripts/generate/files.ts'

const files = generatedFiles('1.2.3')

describe('generated files', () => {
  for (const kind of resourceKinds) {
    it(`describes every field of ${kind.kind}`, () => {
      const silent = [
        ...undescribed(openApiSchema(kind.spec), 'spec'),
        ...undescribed(openApiSchema(kind.status), 'status'),
      ]
      expect(silent).to.deep.equal([])
    })

    it(`has the same CRD for ${kind.kind} in crds/ and in the chart`, () => {
      const crd = files.get(`crds/${kind.plural}.yaml`)!
      expect(files.get(`helm/sluice/crds/${kind.plural}.yaml`)).to.equal(crd)
      expect(parse(crd).metadata.name).to.equal(`${kind.plural}.sluice.dev`)
    })
  }

  it('names every error code, with what to do', () => {
    const page = files.get('docs/reference/errors.md')!
    expect(page).to.match(/## SPEC_INVALID\n\n.+\n\n\*\*What to do:\*\* .+/)
  })

  it('names every metric', () => {
    expect(files.get('docs/reference/metrics.md')).to.include('| `sluice_rows_total` | counter |')
  })

  it('lists what is required, what is the default and what is allowed', () => {
    const page = files.get('docs/reference/crds.md')!
    expect(page).to.include('| `spec.source.name` | string | **required** |')
    expect(page).to.include('| `spec.freshness` | string | `"5s"` |')
    expect(page).to.include('| `spec.badRecords.policy` | `fail` `skip` | `"fail"` |')
    expect(page).to.include('| `spec.postgres.password` | secret value |')
  })

  it('installs the version of the package', () => {
    expect(files.get('manifests/install.yaml')).to.include('image: sluice:1.2.3')
  })
})

/** Paths of fields without a description; an item of a list is described by its list. */
function* undescribed(schema: OpenApiSchema, path: string): Generator<string> {
  for (const [name, field] of Object.entries(schema.properties ?? {})) {
    if (field.description === undefined) yield `${path}.${name}`
    yield* undescribed(field, `${path}.${name}`)
  }
  if (schema.items) yield* undescribed(schema.items, `${path}[]`)
}
