// What the chart ships for monitoring, held against the code: a metric that was renamed leaves no silent alert and no
// empty panel behind, and whoever an alert wakes finds a page on it.
import { expect } from 'chai'
import { readdirSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { parse } from 'yaml'
import { createMetrics, metricDefinitions, type MetricDefinition } from '#common/metrics.ts'
import { errorCodes } from '#common/error-codes.ts'
import { operatorMetricDefinitions } from '#operator/metrics.ts'

interface Alert {
  alert: string
  expr: string
  for?: string
  labels: Record<string, string>
  annotations: Record<string, string>
}

interface PromtoolTests {
  tests: { alert_rule_test: { alertname: string; exp_alerts: object[] }[] }[]
}

const root = fileURLToPath(new URL('../..', import.meta.url))
const read = (path: string): string => readFileSync(`${root}/${path}`, 'utf8')

const ruleFile: { groups: { name: string; rules: Alert[] }[] } = parse(
  read('helm/sluice/monitoring/alerts.yaml'),
)
const alerts = ruleFile.groups.flatMap(({ rules }) => rules)
const expressions = [
  ...alerts.map(({ alert, expr }) => ({ where: alert, expr })),
  ...readdirSync(`${root}/helm/sluice/dashboards`).flatMap(name =>
    targetsOf(JSON.parse(read(`helm/sluice/dashboards/${name}`))).map(expr => ({ where: name, expr })),
  ),
]

const definitions: MetricDefinition[] = [
  ...Object.values(metricDefinitions),
  ...Object.values(operatorMetricDefinitions),
]
/** What Prometheus and the chart's PodMonitors add to what is scraped. */
const targetLabels = ['instance', 'namespace', 'pod', 'container', 'sluice_dev_job']

describe('monitoring of the chart', () => {
  let ofNode: Set<string>

  before(async () => {
    const exposed = await createMetrics().expose()
    ofNode = new Set([...exposed.matchAll(/^# TYPE ((?:nodejs|process)_\w+) /gm)].map(([, name]) => name!))
  })

  it('uses no metric that there is not', () => {
    const known = new Set(['up', ...ofNode, ...definitions.flatMap(seriesOf)])
    const unknown = expressions.flatMap(({ where, expr }) =>
      metricsIn(expr)
        .filter(name => !known.has(name))
        .map(name => `${where}: ${name}`),
    )
    expect(expressions.length).to.be.above(50)
    expect(unknown).to.deep.equal([])
  })

  it('selects by no label that a metric has not', () => {
    const wrong = expressions.flatMap(({ where, expr }) =>
      [...expr.matchAll(/\b(sluice_\w+)\{([^}]*)\}/g)].flatMap(([, name, matchers]) => {
        const definition = definitions.find(each => seriesOf(each).includes(name!))
        const labels = [...(definition?.labels ?? []), ...targetLabels]
        return [...matchers!.matchAll(/(\w+)\s*(?:=~|!~|!=|=)/g)]
          .filter(([, label]) => !labels.includes(label!))
          .map(([, label]) => `${where}: ${name} has no ${label}`)
      }),
    )
    expect(wrong).to.deep.equal([])
  })

  it('shows every metric of ours in a dashboard', () => {
    const shown = new Set(
      expressions.filter(({ where }) => where.endsWith('.json')).flatMap(({ expr }) => metricsIn(expr)),
    )
    const missing = definitions.filter(each => !seriesOf(each).some(series => shown.has(series)))
    expect(missing.map(({ name }) => name)).to.deep.equal([])
  })

  it('has a page for every alert, and an alert for every page', () => {
    const pages = readdirSync(`${root}/docs/runbooks`).filter(name => name !== 'README.md')
    expect(pages.toSorted()).to.deep.equal(alerts.map(({ alert }) => `${alert}.md`).toSorted())
  })

  it('has a promtool test for every alert, in which it fires', () => {
    const { tests } = parse(read('test/integration/helm/alerts.promtool.yaml')) as PromtoolTests
    const cases = tests.flatMap(({ alert_rule_test: of }) => of)
    for (const { alert } of alerts) {
      const fires = cases
        .filter(({ alertname }) => alertname === alert)
        .map(each => each.exp_alerts.length > 0)
      expect(fires, alert).to.include(true)
    }
  })

  it('speaks of no error code in a page that there is not', () => {
    const codes = Object.keys(errorCodes)
    const wrong = readdirSync(`${root}/docs/runbooks`).flatMap(page =>
      [...read(`docs/runbooks/${page}`).matchAll(/`([A-Z]+_[A-Z_]*)(…?)`/g)]
        .filter(([, word, rest]) =>
          rest ? !codes.some(code => code.startsWith(word!)) : !codes.includes(word!),
        )
        .map(([word]) => `${page}: ${word}`),
    )
    expect(wrong).to.deep.equal([])
  })

  for (const { alert, labels, annotations } of alerts)
    it(`says of ${alert} how bad it is, and its page what it means, where to look and what to do`, () => {
      expect(alert).to.match(/^Sluice[A-Z]\w+$/)
      expect(labels['severity']).to.be.oneOf(['critical', 'warning'])
      expect(annotations['summary']).to.be.a('string').that.has.length.below(120)
      expect(annotations['description']).to.be.a('string')
      const page = read(`docs/runbooks/${alert}.md`)
      expect(page.split('\n')[0]).to.equal(`# ${alert}`)
      for (const part of ['**Severity:** ' + labels['severity'], '## What it means', '## Look', '## Do'])
        expect(page).to.include(part)
    })
})

/** Names of the series of a metric. */
function seriesOf({ name, type }: MetricDefinition): string[] {
  return type === 'histogram' ? ['_bucket', '_sum', '_count'].map(part => name + part) : [name]
}

/** Names in PromQL that are of metrics: neither labels nor functions nor words in quotes or ranges. */
function metricsIn(expr: string): string[] {
  const bare = expr
    .replaceAll(/"[^"]*"/g, '')
    .replaceAll(/\{[^}]*\}/g, '')
    .replaceAll(/\[[^\]]*\]/g, '')
    .replaceAll(/\b(?:by|on|group_left)\s*\([^)]*\)/g, '')
  return [...bare.matchAll(/(?<![\w.])[a-z_]\w*(?!\w*\s*\()/g)]
    .map(([name]) => name)
    .filter(name => !['and', 'or', 'unless', 'offset'].includes(name))
}

/** Every query of a dashboard, variables included. */
function targetsOf(dashboard: {
  panels: { targets?: { expr: string }[] }[]
  templating: { list: { query?: string | { query: string } }[] }
}): string[] {
  const variables = dashboard.templating.list.flatMap(({ query }) =>
    typeof query === 'object' ? query.query.replace(/label_values\((.*), \w+\)/, '$1') : [],
  )
  return [...dashboard.panels.flatMap(({ targets = [] }) => targets.map(({ expr }) => expr)), ...variables]
}
