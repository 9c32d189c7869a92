// docs/reference/readers.md: which reader reads which kind of table, in which state, by which query. Nothing of it is
// written by hand: it is made of what the readers answered when test/integration/lake/readers-matrix.test.ts asked them.
import recorded from '#test/golden/readers.json' with { type: 'json' }
import { generatedComment, table } from './markdown.ts'

/** `right`: exactly the rows; `wrong`: others; `refused`: it failed. */
export type Answer = 'right' | 'wrong' | 'refused'

export interface Answered {
  answer: Answer
  /** What the reader said, or how the rows differ. */
  detail: string | null
}

/** Query -> reader -> answer. */
export type AnswersOfState = Record<string, Record<string, Answered>>
/** Kind of table -> state -> answers. */
export type RecordedAnswers = Record<string, Record<string, AnswersOfState>>

export function readersPage(answers: RecordedAnswers = recorded as RecordedAnswers): string {
  const readers = readersOf(answers)
  const rows = Object.entries(answers).flatMap(([mode, states]) =>
    Object.entries(states).map(([state, queries], index) => [
      index === 0 ? mode : '',
      state,
      ...readers.map(reader => cellOf(queries, reader)),
    ]),
  )
  return `${generatedComment}
# Who reads which table

Every kind of table that Sluice writes was read in every state by every reader, and the rows were compared one by one
with what the table must hold: by \`test/integration/lake/readers-matrix.test.ts\`, which fails when an answer is no
longer what stands here. Queries: the newest state (snapshot), earlier ones (time travel, to each commit within the
retention), what changed since each of these commits (incremental), base files alone (read-optimized).

**yes**: all queries gave exactly the right rows. **no**: the reader refused all of them. Otherwise the queries are named
that did not. \`wrong\` is a reader that gave other rows without saying so. Empty: the reader was not asked. Hudi 1.0
takes in the commit at which an incremental query begins, newer ones do not: it was asked from a millisecond later.

${table(['Table', 'State', ...readers], rows)}

${refusals(answers)}

States: *written* after a few commits, with updates and deletes where the table has a key; *compacted* after its log
files were merged; *clustered* after its small files were put together; *cleaned* a day and more commits later, when
files and instants that are past the retention were removed.
`
}

function readersOf(answers: RecordedAnswers): string[] {
  const names = new Set<string>()
  for (const states of Object.values(answers))
    for (const queries of Object.values(states))
      for (const query of Object.values(queries)) for (const reader of Object.keys(query)) names.add(reader)
  return [...names]
}

function cellOf(queries: AnswersOfState, reader: string): string {
  const asked = Object.entries(queries).flatMap(([query, answers]) => {
    const answered = answers[reader]
    return answered === undefined ? [] : [{ query, answer: answered.answer }]
  })
  if (asked.length === 0) return ''
  if (asked.every(({ answer }) => answer === 'right')) return 'yes'
  if (asked.every(({ answer }) => answer === 'refused')) return 'no'
  const others = asked.filter(({ answer }) => answer !== 'right')
  return `all but ${others.map(({ query, answer }) => `${query} (${answer})`).join(', ')}`
}

/** What each reader said where it refused, once for each text. */
function refusals(answers: RecordedAnswers): string {
  const said = new Map<string, Set<string>>()
  for (const [mode, states] of Object.entries(answers))
    for (const queries of Object.values(states))
      for (const query of Object.values(queries))
        for (const [reader, { answer, detail }] of Object.entries(query)) {
          if (answer !== 'refused' || detail === null) continue
          const version = /version \d+$/.exec(mode)?.[0] ?? mode
          const text = `${reader}: ${detail}`
          const versions = said.get(text) ?? new Set<string>()
          said.set(text, versions.add(version))
        }
  if (said.size === 0) return 'No reader refused any of them.'
  const rows = [...said].map(([text, versions]) => [
    [...versions].join(', '),
    `\`${text.replaceAll('`', "'")}\``,
  ])
  return `What readers said that refused:\n\n${table(['Tables', 'Message'], rows)}`
}
