import { expect } from 'chai'
import { startOperatorHttp } from '#operator/http-server.ts'
import { createOperatorMetrics } from '#operator/metrics.ts'

describe('HTTP port of the operator', () => {
  it('tells liveness, readiness and metrics', async () => {
    const metrics = createOperatorMetrics()
    let why: string | null = 'reading the cluster'
    const { port, close } = await startOperatorHttp({
      host: '127.0.0.1',
      port: 0,
      metrics,
      notReady: () => why,
      observe: () => metrics.leading.set(1),
    })
    const get = async (path: string): Promise<[number, string]> => {
      const response = await fetch(`http://127.0.0.1:${port}${path}`)
      return [response.status, await response.text()]
    }
    try {
      expect(await get('/healthz')).to.deep.equal([200, 'ok\n'])
      expect(await get('/readyz')).to.deep.equal([503, 'reading the cluster\n'])
      why = null
      expect(await get('/readyz')).to.deep.equal([200, 'ok\n'])
      expect((await get('/metrics'))[1]).to.match(/^sluice_operator_leading 1$/m)
      expect((await get('/other'))[0]).to.equal(404)
    } finally {
      await close()
    }
  })
})
