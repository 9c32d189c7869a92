import { expect } from 'chai'
import fc from 'fast-check'
import { pathTree } from '#catalog/json/path-tree.ts'
import { JsonScanner, JsonSyntaxError, Token } from '#catalog/json/scanner.ts'

/** What stands in each slot, parsed; undefined for a missing one. */
function scan(text: string | Uint8Array, paths: string[][], scanner = scannerOf(paths)): unknown[] {
  return scanText(text, paths, scanner).map(found => (found === undefined ? undefined : JSON.parse(found)))
}

/** The text in each slot. Not parsed here: V8's JSON.parse takes the name `"` for `\` when it saw that before. */
function scanText(
  text: string | Uint8Array,
  paths: string[][],
  scanner: JsonScanner,
): (string | undefined)[] {
  const inner = typeof text === 'string' ? Buffer.from(text) : text
  // Other bytes around the document: a scanner that looks beyond its range finds them.
  const bytes = Buffer.concat([Buffer.from('"}]1'), inner, Buffer.from('1]}"')])
  scanner.scan(bytes, 4, 4 + inner.length)
  return pathTree(paths).slots.map(slot =>
    scanner.kinds[slot] === Token.missing
      ? undefined
      : bytes.subarray(scanner.starts[slot], scanner.ends[slot]).toString(),
  )
}

function scannerOf(paths: string[][]): JsonScanner {
  return new JsonScanner(pathTree(paths))
}

function accepts(text: string): boolean {
  try {
    scan(text, [['a'], ['b', 'c']])
    return true
  } catch (error) {
    if (error instanceof JsonSyntaxError) return false
    throw error
  }
}

function parses(text: string): boolean {
  try {
    JSON.parse(text)
    return true
  } catch {
    return false
  }
}

const documents = fc.oneof(
  fc.json(),
  fc.json({ stringUnit: 'binary' }).map(text => text.replaceAll(':', ' : ').replaceAll(',', '\n,\t')),
  fc
    .record({ a: fc.double(), b: fc.record({ c: fc.string() }), d: fc.jsonValue() })
    .map(value => JSON.stringify(value)),
)
const pieces = fc.constantFrom(
  ...'{}[]:,"\\ue0123-+.tfn\n\0'.split(''),
  'true',
  'null',
  '1e5',
  '\\u00',
  '1E+',
  '"a":1',
)

describe('JSON scanner', () => {
  it('accepts what JSON.parse accepts', () => {
    fc.assert(
      fc.property(documents, text => {
        expect(accepts(text)).to.equal(parses(text))
      }),
      { numRuns: 2000 },
    )
  })

  it('refuses what JSON.parse refuses, also when one piece of a document is damaged', () => {
    const damaged = fc.tuple(documents, fc.nat(), fc.nat(3), pieces).map(([text, at, cut, piece]) => {
      const place = at % (text.length + 1)
      return (text.slice(0, place) + piece + text.slice(place + cut)).toWellFormed()
    })
    fc.assert(
      fc.property(damaged, text => {
        expect(accepts(text), text).to.equal(parses(text))
      }),
      {
        numRuns: 5000,
      },
    )
  })

  it('refuses each kind of malformed text', () => {
    const bad = [
      '',
      ' ',
      '{',
      '[',
      '"',
      '{"a"}',
      '{"a":}',
      '{"a":1,}',
      '[1,]',
      '[,1]',
      '01',
      '-',
      '-01',
      '1.',
      '.5',
    ]
    const more = [
      '1e',
      '1e+',
      '+1',
      'tru',
      'truex',
      'nul',
      'NaN',
      '"\\x"',
      '"\\u12g4"',
      '"\n"',
      '{a:1}',
      "{'a':1}",
    ]
    for (const text of [...bad, ...more, '1 2', '{} {}', '\ufeff{}', '"a" "b"', '{"a":1 "b":2}'])
      expect(accepts(text), text).to.equal(false)
  })

  it('finds the values of paths wherever they stand', () => {
    const member = fc.constantFrom('a', 'b', 'c', 'd', 'a\nb', 'é', '\\', '"', 'a"b')
    const { tree } = fc.letrec<{ tree: unknown }>(tie => ({
      tree: fc.oneof(
        { maxDepth: 4 },
        fc.constantFrom(null, true, 1, -2.5, 'x', 'é"\\', 123456789012345680),
        fc.dictionary(member, tie('tree'), { maxKeys: 5 }),
        fc.array(tie('tree'), { maxLength: 3 }),
      ),
    }))
    const paths = [['a'], ['b', 'c'], ['a', 'b'], [], ['é'], ['\\'], ['a"b'], ['d', 'd', 'd'], ['a']]
    // One scanner for all: what it learned of the order of members must never change a result.
    const scanner = scannerOf(paths)
    fc.assert(
      fc.property(tree, value => {
        const expected = paths.map(path => JSON.stringify(path.reduce<unknown>(memberOf, value)))
        expect(scanText(JSON.stringify(value), paths, scanner)).to.deep.equal(expected)
      }),
      { numRuns: 5000 },
    )
  })

  it('takes the last of equal names, with everything below it', () => {
    expect(scan('{"a":1,"a":2}', [['a']])).to.deep.equal([2])
    expect(
      scan('{"a":{"b":1},"a":{"c":2}}', [
        ['a', 'b'],
        ['a', 'c'],
      ]),
    ).to.deep.equal([undefined, 2])
    expect(scan('{"a":{"b":1},"a":7}', [['a', 'b'], ['a']])).to.deep.equal([undefined, 7])
    expect(scan('{"\\u0061":1}', [['a']])).to.deep.equal([1])
    expect(scan('{"a":1,"\\u0061":2}', [['a']])).to.deep.equal([2])
  })

  it('does not take a name that only looks like one with escapes', () => {
    const scanner = scannerOf([['a\\']])
    expect(scan('{"a\\\\":1}', [['a\\']], scanner)).to.deep.equal([1])
    expect(() => scan('{"a\\":1}', [['a\\']], scanner)).to.throw(JsonSyntaxError)
    expect(scan('{"a\\\\":2}', [['a\\']], scanner)).to.deep.equal([2])
  })

  it('stays right when documents have more names than it learns', () => {
    const scanner = scannerOf([['wanted']])
    for (let at = 0; at < 1000; at++)
      expect(scan(`{"n${at}":{"wanted":0},"wanted":${at}}`, [['wanted']], scanner)).to.deep.equal([at])
  })

  it('refuses bytes that are not UTF-8', () => {
    for (const hex of ['22ff22', '22c322', '22eda08022', '22c0af22', '22f48fbfbf22'.replace('f48f', 'f490')])
      expect(() => scan(Buffer.from(hex, 'hex'), [[]]), hex).to.throw(JsonSyntaxError)
    expect(scan('"é€😀"', [[]])).to.deep.equal(['é€😀'])
    const late = Buffer.concat([Buffer.from('{"a":"é","b":"'), Buffer.from([0xff]), Buffer.from('"}')])
    expect(() => scan(late, [['a']])).to.throw(JsonSyntaxError)
  })

  it('bounds the nesting', () => {
    expect(accepts('['.repeat(400) + ']'.repeat(400))).to.equal(true)
    expect(accepts('['.repeat(600) + ']'.repeat(600))).to.equal(false)
    expect(accepts('['.repeat(1_000_000))).to.equal(false)
  })

  it('gives integers of up to 15 digits as numbers', () => {
    const scanner = scannerOf([[]])
    for (const [text, kind] of [
      ['0', Token.int],
      ['-0', Token.int],
      ['999999999999999', Token.int],
      ['1000000000000000', Token.number],
      ['1.0', Token.number],
      ['1e3', Token.number],
    ] as const) {
      scan(text, [[]], scanner)
      expect(scanner.kinds[0], text).to.equal(kind)
      if (kind === Token.int) expect(scanner.numbers[0]).to.equal(Number(text))
    }
  })

  it('lists the elements of an array', () => {
    const bytes = Buffer.from('x[ 1 ,[2,3], "a,]" ,{} ]x')
    const ranges = scannerOf([]).elements(bytes, 1, bytes.length - 1)
    const texts = ranges.flatMap((start, at) =>
      at % 2 === 0 ? bytes.subarray(start, ranges[at + 1]).toString() : [],
    )
    expect(texts).to.deep.equal(['1', '[2,3]', '"a,]"', '{}'])
    expect(scannerOf([]).elements(Buffer.from('[ ]'), 0, 3)).to.deep.equal([])
  })
})

function memberOf(value: unknown, name: string): unknown {
  const inner = typeof value === 'object' && value !== null && !Array.isArray(value)
  return inner && Object.hasOwn(value, name) ? (value as Record<string, unknown>)[name] : undefined
}
