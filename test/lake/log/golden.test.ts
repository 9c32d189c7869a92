import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { globSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect } from 'chai'
import { decodeRecords } from '#lake/avro/records.ts'
import { tableSchemaOf } from '#lake/avro/schema.ts'
import { encodeBlock, HeaderKey } from '#lake/log/block.ts'
import { encodeDataBlock } from '#lake/log/data-block.ts'
import type { LogBlock } from '#lake/log/decode-blocks.ts'
import { decodeBlocks } from '#lake/log/decode-blocks.ts'
import { decodeDeletes, encodeDeleteBlock } from '#lake/log/delete-block.ts'
import { decodeParquet, openParquet } from '#lake/parquet/decode.ts'
import { goldenTables, unpackGolden } from '#test/golden/unpack.ts'
import { valuesOf } from '#test/lake/vectors.ts'

describe('files that Hudi wrote', () => {
  let dir = ''
  const logs: { path: string; bytes: Buffer }[] = []
  let bases: string[] = []

  before(async () => {
    dir = await mkdtemp(join(tmpdir(), 'sluice-golden-'))
    for (const table of await goldenTables()) await unpackGolden(table, dir)
    for (const path of globSync('**/.*.log.*', { cwd: dir }))
      logs.push({ path, bytes: await readFile(join(dir, path)) })
    bases = globSync('**/*.parquet', { cwd: dir }).filter(path => !path.includes('/.hoodie/'))
  })

  after(() => rm(dir, { recursive: true }))

  it('frame their log blocks as we do, byte for byte', () => {
    let blocks = 0
    for (const { path, bytes } of logs) {
      const rebuilt: Buffer[] = []
      for (const block of decodeBlocks(bytes)) {
        expect(block.type, path).to.be.oneOf(['avro', 'delete'])
        const { type, instant, schema, content, offset } = block as LogBlock
        // A writer in Java may give the headers in the other order.
        const instantFirst = bytes.readUInt32BE(offset + 26) === HeaderKey.instantTime
        const headers = [
          [HeaderKey.instantTime, instant],
          [HeaderKey.schema, schema],
        ] as const
        rebuilt.push(encodeBlock(type, instantFirst ? headers : headers.toReversed(), content))
        blocks++
      }
      expect(Buffer.concat(rebuilt).equals(bytes), path).to.equal(true)
    }
    expect(blocks).to.be.above(50)
  })

  it('hold Avro records that we write the same way, byte for byte', () => {
    let records = 0
    let rewritten = 0
    for (const { path, block } of blocksOf(logs, 'avro')) {
      const { unsupported } = tableSchemaOf(block.schema)
      const names = (JSON.parse(block.schema) as { fields: { name: string; type: unknown }[] }).fields
      const wanted = names.filter(({ name }) => !unsupported.some(column => column.name === name))
      const decoded = decodeRecords(block.schema, block.content, { columns: wanted.map(({ name }) => name) })
      records += decoded.rows
      expect(decoded.columns.map(({ name }) => name)).to.deep.equal(wanted.map(({ name }) => name))
      // Only blocks of our own types, all of them nullable, can be written again whole.
      if (unsupported.length > 0 || decoded.columns.some(({ nullable }) => !nullable)) continue
      const again = encodeDataBlock({ ...block, columns: decoded.columns, count: decoded.rows })
      const content = [...decodeBlocks(again)][0] as LogBlock
      expect(Buffer.from(content.content).equals(block.content), path).to.equal(true)
      rewritten++
    }
    expect(records).to.be.above(80)
    expect(rewritten).to.be.above(20)
  })

  it('hold deletes that we read, and write the same way where they are ordered', () => {
    let ordered = 0
    let unordered = 0
    for (const { path, block } of blocksOf(logs, 'delete')) {
      const { recordKeys, orderings, unordered: plain } = decodeDeletes(block)
      for (const key of valuesOf(recordKeys)) expect(key, path).to.match(/^k?\d+$/)
      unordered += plain.filter(flag => flag === 1).length
      if (plain.includes(1)) continue
      ordered += recordKeys.length
      const again = encodeDeleteBlock({ ...block, recordKeys, orderings, partitionPath: '' })
      const { content } = [...decodeBlocks(again)][0] as LogBlock
      expect(Buffer.from(content).equals(block.content), path).to.equal(true)
    }
    expect(ordered).to.be.above(0)
    expect(unordered).to.be.above(10)
  })

  it('have base files that we read as often as they have rows', async () => {
    let withSchema = 0
    for (const path of bases) {
      const bytes = await readFile(join(dir, path))
      const schema = (await openParquet(bytes, { columns: [] })).keyValues['parquet.avro.schema']
      // Spark's bulk_insert leaves no Avro schema.
      const table = schema === undefined ? [] : tableSchemaOf(schema).schema.columns
      withSchema += schema === undefined ? 0 : 1
      const names = ['_hoodie_record_key', '_hoodie_file_name', ...table.map(({ name }) => name)]
      const { rows, columns } = await decodeParquet(bytes, names)
      expect(
        columns.map(({ name }) => name),
        path,
      ).to.have.members(names)
      for (const column of table)
        expect(columns.find(({ name }) => name === column.name)!.vector.type).to.deep.equal(column.type)
      for (const { vector } of columns) expect(vector.length).to.equal(rows)
      expect(new Set(valuesOf(columns[0]!.vector)).size).to.equal(rows)
    }
    expect(withSchema).to.be.above(20)
  })
})

function* blocksOf(
  logs: readonly { path: string; bytes: Buffer }[],
  type: LogBlock['type'],
): Generator<{ path: string; block: LogBlock }> {
  for (const { path, bytes } of logs)
    for (const block of decodeBlocks(bytes)) if (block.type === type) yield { path, block: block as LogBlock }
}
