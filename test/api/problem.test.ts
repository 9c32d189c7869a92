import { expect } from 'chai'
import { z } from 'zod'
import { check, parse, pathText } from '#api/problem.ts'
import { quantity } from '#api/quantity.ts'
import { secretValue } from '#api/secret.ts'
import { ConfigError } from '#common/errors.ts'

const schema = z.strictObject({
  mode: z.enum(['snapshot', 'stream']).default('stream'),
  port: z.int().min(1).max(65535).optional(),
  name: z.string().min(2).max(5).optional(),
  password: secretValue.optional(),
  size: quantity.optional(),
  url: z.string().regex(/^s3:/, 'use s3://BUCKET').optional(),
  tables: z
    .array(z.strictObject({ include: z.string(), buckets: z.int().optional() }))
    .min(1)
    .optional(),
  labels: z.record(z.string(), z.string()).optional(),
  limits: z.strictObject({ rows: z.int() }).optional(),
})

function messages(input: unknown): string[] {
  const checked = check(schema, input)
  return checked.ok ? [] : checked.problems.map(({ path, message }) => `${pathText(path)}: ${message}`)
}

describe('problems of a resource', () => {
  const cases: { name: string; input: unknown; expected: string[] }[] = [
    { name: 'nothing', input: {}, expected: [] },
    {
      name: 'a misspelt field',
      input: { prot: 1 },
      expected: ['prot: there is no such field; did you mean `port`?'],
    },
    {
      name: 'a misspelt required field, once',
      input: { tables: [{ inclde: 'a' }] },
      expected: ['tables[0].inclde: there is no such field; did you mean `include`?'],
    },
    {
      name: 'a field in the wrong place',
      input: { rows: 5 },
      expected: ['rows: there is no such field here; it belongs to `limits`'],
    },
    {
      name: 'a field that is nowhere',
      input: { limits: { rows: 1, colour: 'red' } },
      expected: ['limits.colour: there is no such field; allowed here: rows'],
    },
    {
      name: 'a missing field',
      input: { tables: [{}] },
      expected: ['tables[0].include: missing; allowed: a string'],
    },
    {
      name: 'a word that is not one of the allowed',
      input: { mode: 'steam' },
      expected: ['mode: found "steam"; allowed: snapshot, stream; did you mean stream?'],
    },
    {
      name: 'a number in quotes',
      input: { port: '5432' },
      expected: ['port: found "5432"; allowed: a whole number'],
    },
    {
      name: 'a number out of range',
      input: { port: 0 },
      expected: ['port: found 0; allowed: 1 to 65535'],
    },
    {
      name: 'a text out of range',
      input: { name: 'x' },
      expected: ['name: found "x"; allowed: 2 to 5 characters'],
    },
    {
      name: 'an empty list',
      input: { tables: [] },
      expected: ['tables: found a list; allowed: at least 1 items'],
    },
    {
      name: 'null where a value belongs',
      input: { name: null },
      expected: ['name: found null; allowed: a string'],
    },
    {
      name: 'a quantity that is none',
      input: { size: '64MB' },
      expected: ['size: found "64MB"; use a quantity such as 500m, 2, 64Mi or 1.5Gi'],
    },
    {
      name: 'a wrong value of a map',
      input: { labels: { 'a/b': 5 } },
      expected: ['labels["a/b"]: found 5; allowed: a string'],
    },
    {
      name: 'neither of two',
      input: { password: {} },
      expected: ['password: give exactly one of `value` and `secretKeyRef`'],
    },
    {
      name: 'several at once',
      input: { port: 0, mode: 'x' },
      expected: ['mode: found "x"; allowed: snapshot, stream', 'port: found 0; allowed: 1 to 65535'],
    },
  ]
  for (const { name, input, expected } of cases)
    it(name, () => {
      expect(messages(input)).to.deep.equal(expected)
    })

  describe('never quotes a secret', () => {
    for (const password of [
      'hunter2',
      { value: 4711 },
      { value: ['hunter2'] },
      ['hunter2'],
      4711,
      { hunter: 'hunter2' },
    ])
      it(JSON.stringify(password), () => {
        const text = messages({ password }).join('\n')
        expect(text).to.not.equal('')
        expect(text).to.not.match(/hunter2|4711/)
      })

    it('in a URL', () => {
      expect(messages({ url: 'http://me:hunter2@there/' })).to.deep.equal([
        'url: found "http://…@there/"; use s3://BUCKET',
      ])
    })
  })

  it('cuts a long value short', () => {
    expect(messages({ url: 'y'.repeat(500) })[0]).to.have.length.below(120)
  })

  it('makes one error of all of them, with the first path', () => {
    expect(() => parse(schema, { port: 0, mode: 'x' }, 'SyncJob a'))
      .to.throw(
        ConfigError,
        'SyncJob a is not valid: mode: found "x"; allowed: snapshot, stream; port: found 0',
      )
      .that.deep.includes({ code: 'SPEC_INVALID', context: { path: 'mode' } })
  })
})
