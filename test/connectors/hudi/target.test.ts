import { expect } from 'chai'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { systemClock } from '#common/clock.ts'
import type { Target, TargetTable } from '#connectors/connector.ts'
import { hudi } from '#connectors/hudi/connector.ts'
import { hudiSpec, hudiTableOptions } from '#connectors/hudi/spec.ts'
import { openStore } from '#lake/storage/open.ts'
import type { CanonicalRow } from '#test/bed/canonical.ts'
import { targetContract } from '#test/contract/target.ts'
import { hudiContext, hudiView } from './hudi-context.ts'

const signal = new AbortController().signal

function withoutColumn(column: string, rows: readonly CanonicalRow[]): CanonicalRow[] {
  return rows.map(row => Object.fromEntries(Object.entries(row).filter(([name]) => name !== column)))
}

describe('the Hudi connector', () => {
  let folder: string
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'sluice-target-'))
  })
  after(() => rm(folder, { recursive: true, force: true }))

  async function openTarget(): Promise<Target> {
    await rm(folder, { recursive: true, force: true })
    return hudi.openTarget!(hudiContext(hudiSpec.parse({ url: `file://${folder}` })))
  }

  targetContract('hudi on file://', {
    open: openTarget,
    ...hudiView(() => openStore(`file://${folder}`, { clock: systemClock })),
  })

  const view = hudiView(() => openStore(`file://${folder}`, { clock: systemClock }))
  targetContract('hudi with partitions', {
    open: openTarget,
    ...view,
    rows: async table => withoutColumn('slot', await view.rows(table)),
    options: hudiTableOptions.parse({ partitionBy: [{ column: 'note', hash: 3, name: 'slot' }] }),
  })

  targetContract('hudi, copy on write', {
    open: openTarget,
    ...view,
    options: hudiTableOptions.parse({ tableType: 'COPY_ON_WRITE' }),
    remembersDeletes: false,
  })

  targetContract('hudi, table version 6', {
    open: openTarget,
    ...view,
    rows: async table => withoutColumn('_hoodie_is_deleted', await view.rows(table)),
    options: hudiTableOptions.parse({ tableVersion: 6 }),
  })

  describe('a Hudi target', () => {
    const schema = {
      columns: [{ name: 'id', type: { kind: 'int32' }, nullable: false }],
      key: ['id'],
    } as const
    const table = (changes: Partial<TargetTable>): TargetTable => ({
      name: 't',
      schema,
      estimatedBytes: 0,
      estimatedRows: 0,
      options: hudiTableOptions.parse({}),
      schemaEvolution: 'evolve',
      ...changes,
    })
    const refusals: { name: string; given: Partial<TargetTable>; code: string; says: string }[] = [
      {
        name: 'names that lead out of the lake',
        given: { name: '../t' },
        code: 'TABLE_NAME_UNSUPPORTED',
        says: '../t',
      },
    ]
    for (const { name, given, code, says } of refusals)
      it(`refuses ${name}`, async () => {
        const target = await openTarget()
        const error = await (async () => target.openTable(table(given), signal))().catch(
          (thrown: unknown) => thrown,
        )
        expect(error).to.have.property('code', code)
        expect((error as Error).message).to.contain(says)
      })

    it('refuses a table with another number of buckets than it has', async () => {
      const target = await openTarget()
      await target.openTable(table({ options: hudiTableOptions.parse({ buckets: 2 }) }), signal)
      await target.openTable(table({}), signal)
      const error = await target
        .openTable(table({ options: hudiTableOptions.parse({ buckets: 3 }) }), signal)
        .catch((thrown: unknown) => thrown)
      expect(error).to.have.property('code', 'LAKE_TABLE_MISMATCH')
    })
  })
})

describe('the spec of a Hudi lake', () => {
  it('takes partitions by value, date part or hash, and a name only where a column is added', () => {
    const takes = (partition: object): boolean =>
      hudiTableOptions.safeParse({ partitionBy: [partition] }).success
    expect(takes({ column: 'a' })).to.equal(true)
    expect(takes({ column: 'a', datePart: 'day', name: 'dt' })).to.equal(true)
    expect(takes({ column: 'a', hash: 16 })).to.equal(true)
    expect(takes({ column: 'a', hash: 16, datePart: 'day' })).to.equal(false)
    expect(takes({ column: 'a', name: 'dt' })).to.equal(false)
  })

  it('takes folders and buckets, and names what is missing', () => {
    expect(hudiSpec.parse({ url: 'file:///var/lake' })).to.deep.equal({
      url: 'file:///var/lake',
      tableVersion: 8,
    })
    expect(hudiSpec.safeParse({ url: 'http://x' }).success).to.equal(false)
    expect(hudiSpec.safeParse({ url: 's3://lake', tableVersion: 7 }).success).to.equal(false)
    const half = hudiSpec.safeParse({ url: 's3://lake', s3: { accessKeyId: { value: 'a' } } })
    expect(half.error?.issues[0]?.message).to.contain('together')
    expect(hudiTableOptions.safeParse({ buckets: 16 }).success).to.equal(true)
  })
})
