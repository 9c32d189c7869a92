import { expect } from 'chai'
import { runInLanes, suiteFile } from './lanes.ts'

const spark = (path: string) => suiteFile(path, "requires('minio', 'hudi')")
const cluster = (path: string) => suiteFile(path, "requires('kubernetes')")
const namespace = (path: string) => suiteFile(path, "requires('hudi-rs', 'namespace')")
const plain = (path: string) => suiteFile(path, "requires('kafka')")

/** The order of beginnings and ends; a file whose path is in capitals takes longer. */
async function course(files: Parameters<typeof runInLanes>[0], lanes: number): Promise<string> {
  const seen: string[] = []
  await runInLanes(files, lanes, async ({ path }) => {
    seen.push(`+${path}`)
    for (let turn = path < 'a' ? 10 : 3; turn > 0; turn--) await new Promise(resolve => setImmediate(resolve))
    seen.push(`-${path}`)
  })
  return seen.join(' ')
}

describe('runInLanes', () => {
  it('runs one file after the other in one lane, those that need Spark first', async () => {
    expect(await course([plain('a'), spark('b'), plain('c')], 1)).to.equal('+b -b +a -a +c -c')
  })

  it('never runs two files together that need the same scarce server', async () => {
    expect(await course([spark('A'), spark('b')], 2)).to.equal('+A -A +b -b')
    expect(await course([cluster('A'), cluster('b'), plain('c')], 2)).to.equal('+A +c -c -A +b -b')
  })

  it('runs those together that share a cluster, and none beside the one that needs it whole', async () => {
    expect(await course([namespace('A'), namespace('b')], 2)).to.equal('+A +b -b -A')
    expect(await course([cluster('A'), namespace('b'), plain('c')], 2)).to.equal('+A +c -c -A +b -b')
    expect(await course([namespace('a'), namespace('b'), cluster('C')], 2)).to.equal('+C -C +a +b -a -b')
    expect(await course([namespace('a'), spark('B')], 2)).to.equal('+B +a -a -B')
  })

  it('runs others beside them', async () => {
    expect(await course([cluster('a'), cluster('b'), spark('D')], 2)).to.equal('+D +a -a +b -b -D')
    expect(await course([plain('a'), plain('b'), plain('C')], 2)).to.equal('+a +b -a +C -b -C')
  })

  it('knows a file that needs nothing scarce', () => {
    expect(plain('a').needs).to.deep.equal([])
    expect(suiteFile('x', "requires('minio', 'hudi-rs')").needs).to.deep.equal([])
    expect(suiteFile('x', "requires('hudi')\nrequires('kubernetes', 'minio')").needs).to.deep.equal([
      'hudi',
      'kubernetes',
    ])
  })

  it('rejects when a run does', async () => {
    const failing = runInLanes([plain('a')], 2, () => Promise.reject(new Error('no')))
    expect(await failing.catch((error: Error) => error.message)).to.equal('no')
  })
})
