import { expect } from 'chai'
import { completedPath, instantFileName, parseInstantFileName } from '#lake/timeline/instant-file.ts'
import type { InstantFile } from '#lake/timeline/instant-file.ts'

const instant = '20261124210144994'
const completion = '20261124210145450'

function file(
  action: string,
  state: InstantFile['state'],
  completionTime: string | null = null,
): InstantFile {
  return { instant, action, state, completionTime }
}

describe('instant file names', () => {
  for (const { name, means } of [
    { name: `${instant}.commit.requested`, means: file('commit', 'requested') },
    { name: `${instant}.inflight`, means: file('commit', 'inflight') },
    { name: `${instant}.commit`, means: file('commit', 'completed') },
    { name: `${instant}_${completion}.commit`, means: file('commit', 'completed', completion) },
    { name: `${instant}.deltacommit.requested`, means: file('deltacommit', 'requested') },
    { name: `${instant}.deltacommit.inflight`, means: file('deltacommit', 'inflight') },
    { name: `${instant}_${completion}.deltacommit`, means: file('deltacommit', 'completed', completion) },
    { name: `${instant}.compaction.requested`, means: file('compaction', 'requested') },
    { name: `${instant}.compaction.inflight`, means: file('compaction', 'inflight') },
    { name: `${instant}.clustering.requested`, means: file('clustering', 'requested') },
    { name: `${instant}.replacecommit.inflight`, means: file('replacecommit', 'inflight') },
    { name: `${instant}_${completion}.replacecommit`, means: file('replacecommit', 'completed', completion) },
    { name: `${instant}_${completion}.clean`, means: file('clean', 'completed', completion) },
  ])
    it(name, () => {
      expect(parseInstantFileName(name)).to.deep.equal(means)
      expect(instantFileName(means)).to.equal(name)
    })

  for (const name of [
    'hoodie.properties',
    'archived',
    `${instant}`,
    `${instant}.commit.crc`,
    `.${instant}.commit.crc`,
    `${instant}.requested.x`,
    '_version_',
  ])
    it(`${name} is none`, () => {
      expect(parseInstantFileName(name)).to.equal(null)
    })

  it('lie where their layout has them', () => {
    expect(completedPath(1, 'commit', instant, completion)).to.equal(`.hoodie/${instant}.commit`)
    expect(completedPath(2, 'deltacommit', instant, completion)).to.equal(
      `.hoodie/timeline/${instant}_${completion}.deltacommit`,
    )
  })
})
