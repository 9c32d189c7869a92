// A Prometheus that knows of an installed chart what its own objects say, and what its dashboards ask of it.
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import type { BedKubernetes } from '#test/bed/kubernetes.ts'
import { startPrometheus } from '#test/bed/prometheus.ts'
import type { BedPrometheus } from '#test/bed/prometheus.ts'
import { scrapeConfigs } from './pod-monitors.ts'
import type { MonitoredPod, PodMonitor } from './pod-monitors.ts'

const dashboards = fileURLToPath(new URL('../../helm/sluice/dashboards', import.meta.url))

/** Scrapes what the chart's PodMonitors select, and evaluates its PrometheusRule. */
export async function prometheusOfChart(cluster: BedKubernetes): Promise<BedPrometheus> {
  const list = async <T>(kind: string): Promise<T[]> => {
    const text = await cluster.kubectl('get', kind, '--all-namespaces', '-o', 'json')
    return (JSON.parse(text) as { items: T[] }).items
  }
  const rules = await list<{ spec: { groups: object[] } }>('prometheusrules')
  return startPrometheus({
    scrapeIntervalMs: 1000,
    scrapes: scrapeConfigs(await list<PodMonitor>('podmonitors'), await list<MonitoredPod>('pods')),
    ruleGroups: rules.flatMap(({ spec }) => spec.groups),
  })
}

interface PanelQuery {
  /** Dashboard and panel. */
  panel: string
  /** With Grafana's variables filled in. */
  expr: string
}

/** Series that are born with the first event of their kind: while all is well there are none. */
const bornByTrouble =
  /sluice_(errors|bad_records)_total|sluice_\w+_(failures|reconcile_errors)_total|_rollouts_held/
/** There are none of a job that has one worker. */
const ofSeveralWorkers = /sluice_autoscaler_|sluice_operator_(worker_splits|unread_splits|splits_moved)/
/** There are none of a job that always has a worker. */
const ofIdleJobs = /sluice_autoscaler_probes_/

/** Those that ask of workers which share a job. */
export const aboutSharing = ({ expr }: PanelQuery): boolean => ofSeveralWorkers.test(expr)
/** Those that have something to tell of a job with one worker. */
export const aboutOneWorker = (query: PanelQuery): boolean => !aboutSharing(query)

/** Waits until each of these queries of all dashboards has given something, but for those that ask of trouble or of idle jobs. Rejects with the rest. */
export async function untilPanelsHaveData(
  prometheus: BedPrometheus,
  variables: Readonly<Record<string, string>>,
  about: (query: PanelQuery) => boolean,
  limitMs = 180_000,
): Promise<void> {
  let empty = readdirSync(dashboards)
    .flatMap(name => panelQueries(name, variables))
    .filter(query => about(query) && !bornByTrouble.test(query.expr) && !ofIdleJobs.test(query.expr))
  if (empty.length === 0) throw new Error('no dashboard asks of that')
  // Not all at one time: table services come round once a minute, and leave some rates empty in between.
  for (const end = Date.now() + limitMs; ; await delay(1000)) {
    const samples = await Promise.all(empty.map(({ expr }) => prometheus.query(expr)))
    empty = empty.filter((_, at) => samples[at]!.every(({ value }) => Number.isNaN(value)))
    if (empty.length === 0) return
    if (Date.now() > end) throw new Error(`no data: ${JSON.stringify(empty, null, 1)}`)
  }
}

function panelQueries(dashboard: string, variables: Readonly<Record<string, string>>): PanelQuery[] {
  const values: Readonly<Record<string, string>> = { ...variables, __rate_interval: '1m' }
  const { panels } = JSON.parse(readFileSync(join(dashboards, dashboard), 'utf8')) as {
    panels: { title: string; targets?: { expr: string }[] }[]
  }
  return panels.flatMap(({ title, targets = [] }) =>
    targets.map(({ expr }) => ({
      panel: `${dashboard}: ${title}`,
      expr: expr.replaceAll(/\$(\w+)/g, (variable, name: string) => values[name] ?? variable),
    })),
  )
}
