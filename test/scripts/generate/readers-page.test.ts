import { expect } from 'chai'
import type { Answer, RecordedAnswers } from '#scripts/generate/readers-page.ts'
import { readersPage } from '#scripts/generate/readers-page.ts'

function answered(answer: Answer, detail: string | null = null) {
  return { answer, detail }
}

const answers: RecordedAnswers = {
  'append, version 8': {
    written: {
      snapshot: { A: answered('right'), B: answered('refused', 'no such version'), C: answered('right') },
      'time travel': {
        A: answered('right'),
        B: answered('refused', 'no such version'),
        C: answered('wrong'),
      },
    },
    cleaned: { snapshot: { A: answered('right'), C: answered('right') } },
  },
}

describe('the page of readers', () => {
  const lines = readersPage(answers).split('\n')

  it('has a line for each state, and says of each reader what it could not do', () => {
    expect(lines).to.include('| append, version 8 | written | yes | no | all but time travel (wrong) |')
    expect(lines).to.include('|  | cleaned | yes |  | yes |')
  })

  it('gives what a reader said, once', () => {
    expect(lines.filter(line => line.includes('no such version'))).to.deep.equal([
      '| version 8 | `B: no such version` |',
    ])
  })
})
