// Who reads what: every kind of table in every state, asked by every reader. What each answered is recorded in
// test/golden/readers.json, of which the page docs/reference/readers.md is made; an answer that differs from the
// record fails. `SLUICE_RECORD=1` writes the record anew.
import { expect } from 'chai'
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { AnswersOfState, RecordedAnswers } from '#scripts/generate/readers-page.ts'
import { HudiReaders } from '#test/bed/hudi-readers.ts'
import { requires } from '#test/bed/requires.ts'
import type { DirectLake } from './lakes.ts'
import { folderLake } from './lakes.ts'
import { ask, readerNames } from './matrix/answers.ts'
import { RecordedTable } from './matrix/recorded-table.ts'
import { tableModes } from './matrix/table-modes.ts'

const recordPath = join(import.meta.dirname, '../../golden/readers.json')
const records = process.env['SLUICE_RECORD'] === '1'

describe('who reads which table', function () {
  requires('hudi')
  this.timeout(900_000)
  let lake: DirectLake
  let readers: HudiReaders
  let recorded: RecordedAnswers
  const seen: RecordedAnswers = {}
  before(async () => {
    lake = await folderLake()
    readers = await HudiReaders.start()
    recorded = JSON.parse(await readFile(recordPath, 'utf8').catch(() => '{}')) as RecordedAnswers
  })
  after(async () => {
    await readers.stop()
    await lake.stop()
    if (records) await writeFile(recordPath, `${JSON.stringify({ ...recorded, ...seen }, null, 1)}\n`)
  })

  /** Of several questions of a kind the worst answer counts. */
  async function answersOf(table: RecordedTable, reachable: number | undefined): Promise<AnswersOfState> {
    const cells: AnswersOfState = {}
    for (const question of await table.questions(reachable))
      for (const reader of readerNames) {
        const known = cells[question.query]?.[reader]
        if (known !== undefined && known.answer !== 'right') continue
        const answered = await ask(reader, question, table, readers)
        if (answered !== null) (cells[question.query] ??= {})[reader] = answered
      }
    return cells
  }

  for (const [index, { title, keyed, wanted, states }] of tableModes.entries())
    it(title, async () => {
      const table = new RecordedTable(lake, { name: `mode_${index}`, ...wanted }, { keyed })
      const mode: RecordedAnswers[string] = (seen[title] = {})
      for await (const { name, reachable } of states(table)) mode[name] = await answersOf(table, reachable)
      await table.close()
      if (!records) expect(answersOnly(mode)).to.deep.equal(answersOnly(recorded[title] ?? {}))
      for (const cells of Object.values(mode))
        expect(cells['snapshot']?.['Sluice']?.answer, 'our own reader').to.equal('right')
    })
})

/** Without the details, which depend on the run. */
function answersOnly(mode: RecordedAnswers[string]): unknown {
  return JSON.parse(JSON.stringify(mode, (key, value: unknown) => (key === 'detail' ? undefined : value)))
}
