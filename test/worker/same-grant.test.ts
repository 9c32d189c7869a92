import { expect } from 'chai'
import type { Split } from '#connectors/connector.ts'
import type { Grant } from '#worker/lane-protocol.ts'
import { sameGrant } from '#worker/same-grant.ts'
import { schema } from '#test/worker/fake-ends.ts'

const range = (n: number, table = 'a'): Split => ({
  id: `snapshot/${table}/${n}`,
  tables: [table],
  bounded: true,
  stage: 0,
  weight: 1,
})

function grantOf(splits: Split[], names: string[], columns = schema.columns): Grant {
  const tables = names.map(name => ({
    source: { name, schema: { ...schema, columns }, mode: 'stream' as const, start: 'earliest' },
    target: {
      name,
      schema,
      estimatedBytes: Math.random(),
      estimatedRows: Math.random(),
      options: {},
      schemaEvolution: 'evolve' as const,
    },
  }))
  return { id: Math.random(), splits, tables }
}

describe('a grant', () => {
  it('is the same in any order, and when finished ranges are no longer listed', () => {
    const held = grantOf([range(0), range(1), range(0, 'b')], ['a', 'b'])
    const listed = new Set(['snapshot/a/1', 'snapshot/a/0'])
    expect(sameGrant(held, grantOf([range(1), range(0)], ['a']), listed)).to.equal(true)
    expect(sameGrant(held, grantOf([range(1)], ['a']), new Set(['snapshot/a/1']))).to.equal(true)
  })

  it('is another with a split more or less, or a split that is read otherwise', () => {
    const held = grantOf([range(0), range(1)], ['a'])
    const listed = new Set(['snapshot/a/0', 'snapshot/a/1', 'snapshot/a/2'])
    expect(sameGrant(held, grantOf([range(0)], ['a']), listed)).to.equal(false)
    expect(sameGrant(held, grantOf([range(0), range(1), range(2)], ['a']), listed)).to.equal(false)
    const later = [range(0), { ...range(1), detail: 'another snapshot' }]
    expect(sameGrant(held, grantOf(later, ['a']), listed)).to.equal(false)
  })

  it('is another when a table has got a column', () => {
    const listed = new Set(['snapshot/a/0'])
    const column = { name: 'new', type: { kind: 'string' }, nullable: true } as const
    const wanted = grantOf([range(0)], ['a'], [...schema.columns, column])
    expect(sameGrant(grantOf([range(0)], ['a']), wanted, listed)).to.equal(false)
    expect(sameGrant(wanted, grantOf([range(0)], ['a']), listed), 'and not when it lost one').to.equal(true)
  })
})
