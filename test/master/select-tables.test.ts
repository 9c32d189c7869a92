import { expect } from 'chai'
import type { TableRule } from '#api/plan.ts'
import { ConfigError } from '#common/errors.ts'
import { isNamed, selectTables } from '#master/select-tables.ts'

const table = (name: string, key: string[] = ['id']) => ({
  name,
  schema: {
    columns: ['id', 'email'].map(column => ({
      name: column,
      type: { kind: 'string' as const },
      nullable: false,
    })),
    key,
  },
})

const rule = (include: string, more: Partial<TableRule> = {}): TableRule => ({
  include,
  exclude: [],
  targetTable: null,
  key: null,
  options: {},
  ...more,
})

const everything = { include: ['*'], exclude: [] }
const shop = ['public.orders', 'public.order_lines', 'public.tmp_x', 'audit.log'].map(name => table(name))

describe('selectTables', () => {
  const cases: {
    name: string
    rules: TableRule[]
    discovery?: { include: string[]; exclude: string[] }
    expected: Record<string, string>
    unmatched?: string[]
  }[] = [
    {
      name: 'a glob takes all it matches, under the last part of their names',
      rules: [rule('public.*')],
      expected: { 'public.orders': 'orders', 'public.order_lines': 'order_lines', 'public.tmp_x': 'tmp_x' },
    },
    {
      name: 'exclude takes tables out of a rule',
      rules: [rule('public.*', { exclude: ['*.tmp_*'] })],
      expected: { 'public.orders': 'orders', 'public.order_lines': 'order_lines' },
    },
    {
      name: 'the last rule that matches a table holds',
      rules: [rule('public.*'), rule('public.orders', { targetTable: 'bestellungen' })],
      expected: {
        'public.orders': 'bestellungen',
        'public.order_lines': 'order_lines',
        'public.tmp_x': 'tmp_x',
      },
    },
    {
      name: 'a table that one rule excludes may be taken by an earlier one',
      rules: [rule('*.orders', { targetTable: 'first' }), rule('public.*', { exclude: ['public.orders'] })],
      expected: { 'public.orders': 'first', 'public.order_lines': 'order_lines', 'public.tmp_x': 'tmp_x' },
    },
    {
      name: 'what the DataSource hides is not there',
      rules: [rule('*')],
      discovery: { include: ['public.*'], exclude: ['public.tmp_*'] },
      expected: { 'public.orders': 'orders', 'public.order_lines': 'order_lines' },
    },
    {
      name: 'patterns without a table are told',
      rules: [rule('public.orders'), rule('public.refunds'), rule('crm.*')],
      expected: { 'public.orders': 'orders' },
      unmatched: ['public.refunds', 'crm.*'],
    },
  ]
  for (const { name, rules, discovery = everything, expected, unmatched = [] } of cases)
    it(name, () => {
      const selection = selectTables(shop, { tables: rules, discovery })
      const chosen = selection.tables.map(each => [each.table.name, each.targetTable])
      expect(Object.fromEntries(chosen)).to.deep.equal(expected)
      expect(selection.unmatched).to.deep.equal(unmatched)
    })

  it('keeps what else discovery found of a table', () => {
    const found = { ...table('a.b'), estimatedRows: 7 }
    expect(selectTables([found], { tables: [rule('*')], discovery: everything }).tables[0]!.table).to.equal(
      found,
    )
  })

  it('takes the key of the job in place of that of the source', () => {
    const { tables } = selectTables(shop, {
      tables: [rule('public.orders', { key: ['email'] })],
      discovery: everything,
    })
    expect(tables[0]!.table.schema.key).to.deep.equal(['email'])
    expect(shop[0]!.schema.key).to.deep.equal(['id'])
  })

  it('refuses a key of columns that are not there', () => {
    const select = () =>
      selectTables(shop, {
        tables: [rule('a'), rule('public.orders', { key: ['mail'] })],
        discovery: everything,
      })
    expect(select)
      .to.throw(ConfigError, 'Table public.orders has no column "mail" to be its key; it has id, email')
      .that.deep.nested.includes({ 'context.path': 'spec.tables[1].key' })
  })

  it('refuses two tables with one target', () => {
    const twins = [table('eu.orders'), table('us.orders')]
    expect(() => selectTables(twins, { tables: [rule('*.orders')], discovery: everything })).to.throw(
      ConfigError,
      'Tables eu.orders and us.orders would both go to orders',
    )
  })

  it('tells a name from a pattern', () => {
    expect([isNamed('public.orders'), isNamed('public.*')]).to.deep.equal([true, false])
  })
})
