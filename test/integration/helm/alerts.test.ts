// Alerts and dashboards of the chart, asked of Prometheus' own tool: queries and rules are right as they stand in the chart, and each
// fires by its cause and not without it (alerts.promtool.yaml).
import { expect } from 'chai'
import { readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promtoolProgram } from '#test/bed/cache.ts'
import { requires } from '#test/bed/requires.ts'
import { runProgram } from '#test/bed/run-program.ts'

const root = fileURLToPath(new URL('../../..', import.meta.url))

const dashboards = join(root, 'helm', 'sluice', 'dashboards')

describe('alerts of the chart', () => {
  requires('prometheus')

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

describe('dashboards of the chart', () => {
  requires('prometheus')

  for (const name of readdirSync(dashboards))
    it(`asks in ${name} what Prometheus understands`, async () => {
      const { panels } = JSON.parse(readFileSync(join(dashboards, name), 'utf8')) as {
        panels: { targets?: { expr: string }[] }[]
      }
      const queries = panels.flatMap(({ targets = [] }) => targets.map(({ expr }) => filledIn(expr)))
      const rules = queries.map((expr, index) => ({ record: `query:${index}`, expr }))
      const file = join(tmpdir(), `sluice-dashboard-${process.pid}.json`)
      writeFileSync(file, JSON.stringify({ groups: [{ name, rules }] }))
      try {
        const said = await runProgram(promtoolProgram, ['check', 'rules', file])
        expect(said).to.include(`SUCCESS: ${queries.length} rules found`)
      } finally {
        rmSync(file)
      }
    })
})

/** A query with Grafana's variables filled in. */
function filledIn(expr: string): string {
  return expr
    .replaceAll('$__rate_interval', '5m')
    .replaceAll('$job', 'shop/orders')
    .replaceAll('$source', 'shop/db')
}
