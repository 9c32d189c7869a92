// The alerts of the chart, asked of Prometheus' own tool: the rules are right as they stand in the chart, and each
// fires by its cause and not without it (alerts.promtool.yaml).
import { expect } from 'chai'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promtoolProgram } from '#test/bed/cache.ts'
import { requires } from '#test/bed/requires.ts'
import { runProgram } from '#test/bed/run-program.ts'

const root = fileURLToPath(new URL('../../..', import.meta.url))

describe('alerts of the chart', () => {
  requires('promtool')

  it('are rules that Prometheus takes', async () => {
    const said = await runProgram(promtoolProgram, [
      'check',
      'rules',
      join(root, 'helm', 'sluice', 'monitoring', 'alerts.yaml'),
    ])
    expect(said).to.match(/SUCCESS: \d+ rules found/)
  })

  it('fire by their cause, and not without it', async () => {
    const said = await runProgram(promtoolProgram, [
      'test',
      'rules',
      join(import.meta.dirname, 'alerts.promtool.yaml'),
    ])
    expect(said).to.include('SUCCESS')
  })
})
