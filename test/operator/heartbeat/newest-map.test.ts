import { expect } from 'chai'
import { NewestMap } from '#operator/heartbeat/newest-map.ts'

describe('NewestMap', () => {
  it('forgets what was set longest ago when there is more than it may keep', () => {
    const map = new NewestMap<string, number>(2)
    map.set('a', 1)
    map.set('b', 2)
    map.set('a', 3)
    map.set('c', 4)
    expect(['a', 'b', 'c'].map(key => map.get(key))).to.deep.equal([3, undefined, 4])
  })
})
