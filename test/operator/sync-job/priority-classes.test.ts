import { expect } from 'chai'
import { readPriorityClasses } from '#operator/sync-job/priority-classes.ts'

describe('readPriorityClasses', () => {
  it('reads one for each priority that is named', () => {
    expect(readPriorityClasses(['core=lake-core', 'low=batch.v2'])).to.deep.equal({
      core: 'lake-core',
      low: 'batch.v2',
    })
    expect(readPriorityClasses([])).to.deep.equal({})
  })

  for (const wrong of ['urgent=lake-core', 'core', 'core=', 'core=Lake Core', 'core=a=b'])
    it(`refuses ${wrong}, and says what is allowed`, () => {
      expect(() => readPriorityClasses([wrong])).to.throw(
        `PRIORITY is core, high, normal, low and NAME a PriorityClass, not "${wrong}"`,
      )
    })
})
