import { expect } from 'chai'
import type { ColumnType } from '#catalog/types.ts'
import { partitionRules } from '#lake/partition/partition-rule.ts'
import type { WantedPartition } from '#lake/partition/partition-rule.ts'
import { PartitionNumbers, partitionRows } from '#lake/partition/partition-values.ts'
import type { Value } from '#test/lake/table/vectors.ts'
import { valuesOf, vectorOf } from '#test/lake/table/vectors.ts'

/** The partition of each value, and the values of the column that was added. */
function partitioned(
  type: ColumnType,
  values: readonly Value[],
  wanted: Omit<WantedPartition, 'column'>,
): { paths: string[]; added: unknown[] | null } {
  const rules = partitionRules([{ column: 'c', ...wanted }])
  const numbers = new PartitionNumbers()
  const { field } = rules[0]!
  const columns = [{ name: 'c', vector: vectorOf(type, values), nullable: true }]
  if (field !== 'c') {
    const empty = vectorOf(
      { kind: rules[0]!.by === 'hash' ? 'int32' : 'string' },
      values.map(() => null),
    )
    columns.push({ name: field, vector: empty, nullable: true })
  }
  const { columns: made, partitions } = partitionRows(columns, values.length, rules, numbers)
  return {
    paths: [...partitions].map(partition => numbers.paths[partition]!),
    added: field === 'c' ? null : valuesOf(made[1]!.vector),
  }
}

function us(text: string): bigint {
  return BigInt(Date.parse(text)) * 1000n
}

describe('the partitions of rows', () => {
  const timestamps = [
    us('2026-11-24T23:59:59Z'),
    us('2026-11-25T00:00:00Z'),
    us('1969-12-31T23:59:59Z'),
    null,
  ]
  const dateParts: Record<string, (string | null)[]> = {
    year: ['2026', '2026', '1969', null],
    month: ['2026-11', '2026-11', '1969-12', null],
    day: ['2026-11-24', '2026-11-25', '1969-12-31', null],
    hour: ['2026-11-24-23', '2026-11-25-00', '1969-12-31-23', null],
  }
  for (const [datePart, texts] of Object.entries(dateParts))
    it(`follow from the ${datePart} of a timestamp, in UTC`, () => {
      const wanted = { datePart: datePart as 'day' }
      const { paths, added } = partitioned({ kind: 'timestamp' }, timestamps, wanted)
      expect(added).to.deep.equal(texts)
      expect(paths).to.deep.equal(texts.map(text => `c_${datePart}=${text ?? '__HIVE_DEFAULT_PARTITION__'}`))
    })

  it('follow from the last microsecond before a day as from any other of it', () => {
    const { added } = partitioned({ kind: 'timestamp' }, [-1n, 0n, 86_399_999_999n], { datePart: 'day' })
    expect(added).to.deep.equal(['1969-12-31', '1970-01-01', '1970-01-01'])
  })

  it('follow from a date, however far', () => {
    const days = [-719_162, -1, 0, 2_932_896]
    const { added } = partitioned({ kind: 'date' }, days, { datePart: 'day' })
    expect(added).to.deep.equal(['0001-01-01', '1969-12-31', '1970-01-01', '9999-12-31'])
  })

  const values: { type: ColumnType; values: Value[]; texts: string[] }[] = [
    { type: { kind: 'string' }, values: ['eu', '', null, 'a/b', 'ü'], texts: ['eu', '', '', 'a%2Fb', 'ü'] },
    { type: { kind: 'int32' }, values: [-5, 0, null], texts: ['-5', '0', ''] },
    { type: { kind: 'int64' }, values: [2n ** 60n, null], texts: ['1152921504606846976', ''] },
    { type: { kind: 'boolean' }, values: [true, false, null], texts: ['true', 'false', ''] },
    { type: { kind: 'date' }, values: [20_000, null], texts: ['2024-10-04', ''] },
  ]
  for (const { type, values: given, texts } of values)
    it(`are called by the value of a ${type.kind}`, () => {
      const { paths } = partitioned(type, given, {})
      expect(paths).to.deep.equal(texts.map(text => `c=${text === '' ? '__HIVE_DEFAULT_PARTITION__' : text}`))
    })

  it('escape what Hudi escapes, and nothing else', () => {
    const { paths } = partitioned({ kind: 'string' }, ['"#%\'*/:=?\\{[]^\u007f\n', ' +&;,}|<>~`@$!().-_'], {})
    expect(paths).to.deep.equal([
      'c=%22%23%25%27%2A%2F%3A%3D%3F%5C%7B%5B%5D%5E%7F%0A',
      'c= +&;,}|<>~`@$!().-_',
    ])
  })

  it('by a hash are those of Spark, and null has one too', () => {
    const slots = (type: ColumnType, given: Value[]): unknown[] | null =>
      partitioned(type, given, { hash: 1000, name: 'slot' }).added
    expect(slots({ kind: 'int32' }, [1, null])).to.deep.equal([43, 42])
    expect(slots({ kind: 'string' }, ['abc', ''])).to.deep.equal([556, 372])
  })
})
