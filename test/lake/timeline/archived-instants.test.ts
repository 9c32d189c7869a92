import { expect } from 'chai'
import { decodeParquet } from '#lake/parquet/decode.ts'
import type { ArchivedInstant } from '#lake/timeline/archived-instants.ts'
import {
  decodeArchivedHeads,
  decodeArchivedInstants,
  encodeArchivedInstants,
} from '#lake/timeline/archived-instants.ts'

const instants: ArchivedInstant[] = [
  {
    instant: '20261124120000000',
    completionTime: '20261124120000001',
    action: 'deltacommit',
    metadata: Buffer.from('a'),
    plan: null,
  },
  {
    instant: '20261124120000002',
    completionTime: '20261124120000009',
    action: 'clean',
    metadata: null,
    plan: Buffer.from([0, 255]),
  },
]

async function all(of: AsyncIterable<ArchivedInstant>): Promise<object[]> {
  const found: object[] = []
  for await (const { metadata, plan, ...rest } of of)
    found.push({ ...rest, metadata: metadata && [...metadata], plan: plan && [...plan] })
  return found
}

describe('archived instants', () => {
  const bytes = encodeArchivedInstants(instants)

  it('come back as they were', async () => {
    const expected = instants.map(each => ({
      ...each,
      metadata: each.metadata && [...each.metadata],
      plan: each.plan && [...each.plan],
    }))
    expect(await all(decodeArchivedInstants(bytes, 'f'))).to.deep.equal(expected)
    expect(await decodeArchivedHeads(bytes, 'f')).to.deep.equal(
      instants.map(({ instant, completionTime, action }) => ({ instant, completionTime, action })),
    )
  })

  it('are the same bytes for the same instants, and say their schema to Java', async () => {
    expect(Buffer.compare(bytes, encodeArchivedInstants(instants))).to.equal(0)
    const { columns, keyValues } = await decodeParquet(bytes)
    expect(columns.map(({ name, nullable }) => `${name}${nullable ? '?' : ''}`)).to.deep.equal([
      'instantTime?',
      'completionTime?',
      'action?',
      'metadata?',
      'plan?',
      'version',
    ])
    expect(keyValues['parquet.avro.schema']).to.include('HoodieLSMTimelineInstant')
  })

  it('are refused by name when the file is damaged', async () => {
    const damaged = bytes.subarray(0, bytes.length - 9)
    const failure = await decodeArchivedHeads(damaged, 'history/f').catch((error: unknown) => error)
    expect(failure).to.include({ code: 'LAKE_FILE_CORRUPT' })
    expect(failure).to.have.nested.property('context.path', 'history/f')
  })
})
