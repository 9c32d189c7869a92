import { expect } from 'chai'
import type { ServerResponse } from 'node:http'
import { run } from '#cli/kube/logs.ts'
import { eventually } from '#test/operator/manual-clock.ts'
import { condition, KubeTestBed, podPath, runningPod } from './cluster.ts'

const [first, second] = ['shop-to-lake-worker-66d4b-x7k2p', 'shop-to-lake-worker-66d4b-zz9qt']

describe('kubectl sluice logs', () => {
  let bed: KubeTestBed

  beforeEach(async () => {
    bed = await KubeTestBed.start()
    bed.putJob({ conditions: [condition('Ready', 'False', 'Unschedulable', '0/3 nodes')] })
  })

  afterEach(() => bed.close())

  it('prints the logs of all workers, each line with its pod', async () => {
    for (const pod of [first, second]) {
      bed.putPod(pod)
      bed.answer(`${podPath(pod)}/log`, `one\ntwo of ${pod}\nthree without an end`)
    }
    bed.putPod('other-worker-66d4b-x7k2p', runningPod, 'other')
    expect(await run(['shop-to-lake'], bed.open)).to.equal(0)
    expect(bed.spoken.out.split('\n')).to.deep.equal([
      `[${first}] one`,
      `[${first}] two of ${first}`,
      `[${first}] three without an end`,
      `[${second}] one`,
      `[${second}] two of ${second}`,
      `[${second}] three without an end`,
      '',
    ])
  })

  it('asks for what the options say', async () => {
    bed.putPod(first)
    bed.answer(`${podPath(first)}/log`, 'x')
    await run(['shop-to-lake', '--tail', '7', '-p'], bed.open)
    await run(['shop-to-lake', '--tail=-1'], bed.open)
    const asked = bed.server.requests
      .filter(({ path }) => path.endsWith('/log'))
      .map(({ query }) => String(query))
    expect(asked).to.deep.equal([
      'container=worker&follow=false&previous=true&tailLines=7',
      'container=worker&follow=false&previous=false',
    ])
  })

  it('takes one worker, by the end of its name, too', async () => {
    for (const pod of [first, second]) {
      bed.putPod(pod)
      bed.answer(`${podPath(pod)}/log`, 'line')
    }
    await run(['shop-to-lake', '--worker', 'zz9qt'], bed.open)
    expect(bed.spoken.out).to.equal(`[${second}] line\n`)
  })

  it('helps with the name of a worker', async () => {
    bed.putPod(first)
    const error = await run(['shop-to-lake', '--worker', first.replace('x7', '7x')], bed.open).catch(String)
    expect(error).to.contain(`did you mean ${first}?`)
  })

  it('goes on with the others when one has no log yet', async () => {
    for (const pod of [first, second]) bed.putPod(pod)
    bed.answer(`${podPath(first)}/log`, { message: 'container is waiting to start: ImagePullBackOff' }, 400)
    bed.answer(`${podPath(second)}/log`, 'line')
    expect(await run(['shop-to-lake'], bed.open)).to.equal(0)
    expect(bed.spoken.err).to.match(/no log: .*waiting to start: ImagePullBackOff/)
    expect(bed.spoken.out).to.equal(`[${second}] line\n`)
  })

  it('says of a worker without a node why its log is empty', async () => {
    const unscheduled = {
      type: 'PodScheduled',
      status: 'False',
      reason: 'Unschedulable',
      message: '0/3 nodes',
    }
    bed.putPod(first, { phase: 'Pending', conditions: [unscheduled] })
    bed.answer(`${podPath(first)}/log`, '')
    expect(await run(['shop-to-lake'], bed.open)).to.equal(0)
    expect(bed.spoken.err).to.equal(`[${first}] no log: Unschedulable: 0/3 nodes\n`)
  })

  it('says why there is nothing to read', async () => {
    expect(await run(['shop-to-lake'], bed.open)).to.equal(0)
    expect(bed.spoken.err).to.equal('SyncJob shop-to-lake has no workers: Unschedulable: 0/3 nodes\n')
  })

  it('follows what is written, and workers that come later, until it is told to stop', async () => {
    bed.putPod(first)
    let writing = undefined as ServerResponse | undefined
    bed.server.others.set(`${podPath(first)}/log`, (response, query) => {
      expect(query.get('follow')).to.equal('true')
      expect(query.get('tailLines')).to.equal('1')
      response.write('old\nha')
      writing = response
    })
    bed.server.others.set(`${podPath(second)}/log`, (response, query) => {
      expect(query.get('tailLines')).to.equal(null)
      response.write('born\n')
    })
    const following = run(['shop-to-lake', '-f', '--tail', '1'], bed.open)
    await eventually('the first line', () => bed.spoken.out === `[${first}] old\n`)
    writing!.write('lf\n')
    await eventually('the half line', () => bed.spoken.out.endsWith(`[${first}] half\n`))
    bed.putPod(second)
    await eventually('the second worker', async () => {
      await bed.clock.advance(2000)
      return bed.spoken.out.endsWith(`[${second}] born\n`)
    })
    bed.stop.abort()
    expect(await following).to.equal(0)
    expect(bed.spoken.err).to.equal('')
  })

  it('reads the log of a container that was restarted', async () => {
    bed.putPod(first)
    let lives = 0
    bed.server.others.set(`${podPath(first)}/log`, response => void response.end(`life ${++lives}\n`))
    const following = run(['shop-to-lake', '-f'], bed.open)
    await eventually('the first life', () => bed.spoken.out === `[${first}] life 1\n`)
    await bed.clock.advance(10_000)
    const { store } = bed.server
    const again = { ...runningPod, containerStatuses: [{ restartCount: 1, state: { running: {} } }] }
    store.mergePatch('/api/v1/pods', { namespace: 'shop', name: first }, { status: again })
    await eventually('the second life', async () => {
      await bed.clock.advance(2000)
      return bed.spoken.out.endsWith(`[${first}] life 2\n`)
    })
    bed.stop.abort()
    await following
    expect(lives).to.equal(2)
  })

  it('cuts no character that the network cut in two', async () => {
    bed.putPod(first)
    bed.server.others.set(`${podPath(first)}/log`, response => {
      const bytes = Buffer.from('grün\n')
      response.write(bytes.subarray(0, 3))
      setTimeout(() => response.end(bytes.subarray(3)), 20)
    })
    await run(['shop-to-lake'], bed.open)
    expect(bed.spoken.out).to.equal(`[${first}] grün\n`)
  })
})
