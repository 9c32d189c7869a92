// A Prometheus with the chart's own alerts, in which time runs faster: windows and thresholds in seconds are so much shorter,
// and `for`, which only asks that something lasts, still more. What the alerts ask, and of whom, stays as it is.
import { readFileSync } from 'node:fs'
import { setTimeout as delay } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { parse } from 'yaml'
import type { Alert, BedPrometheus } from '#test/bed/prometheus.ts'
import { startPrometheus } from '#test/bed/prometheus.ts'

const file = fileURLToPath(new URL('../../../helm/sluice/monitoring/alerts.yaml', import.meta.url))
/** A minute of the chart is four seconds. */
const usualSpeed = 15
const speeds: Readonly<Record<string, number>> = {
  // Rounds of table services come once a minute, and six hours are many of them.
  SluiceTableServicesBehind: 900,
  // A watch that is well says something about once a minute, and that is not faster here.
  SluiceOperatorWatchStale: 2.4,
}
/** Of `for`. Many times what is between two scrapes: on a busy machine some of them fail. */
const lastingSpeed = 60
const lastingSecondsMin = 10
const secondsOf = { s: 1, m: 60, h: 3600 }

interface Rule {
  alert: string
  expr: string
  for?: string
}

export interface Target {
  address: string
  labels: Readonly<Record<string, string>>
  /** 1 unless given. */
  scrapeIntervalSeconds?: number
}

export class AlertWatch {
  readonly #prometheus: BedPrometheus
  readonly #fired: Alert[] = []
  readonly #stop = new AbortController()
  readonly #watching: Promise<void>

  private constructor(prometheus: BedPrometheus) {
    this.#prometheus = prometheus
    this.#watching = this.#watch()
  }

  static async start(targets: readonly Target[]): Promise<AlertWatch> {
    const { groups } = parse(readFileSync(file, 'utf8')) as { groups: { name: string; rules: Rule[] }[] }
    const scrapes = targets.map(({ address, labels, scrapeIntervalSeconds = 1 }) => ({
      job_name: address,
      // As the chart's PodMonitors have it: `job` is a SyncJob.
      honor_labels: true,
      scrape_interval: `${scrapeIntervalSeconds}s`,
      scrape_timeout: `${scrapeIntervalSeconds}s`,
      static_configs: [{ targets: [address], labels }],
    }))
    const ruleGroups = groups.map(group => ({ ...group, rules: group.rules.map(rule => hurried(rule)) }))
    return new AlertWatch(await startPrometheus({ scrapeIntervalMs: 1000, scrapes, ruleGroups }))
  }

  /** Waits until an alert of this name has fired for series with these labels. */
  async fired(name: string, labels: Readonly<Record<string, string>> = {}, limitMs = 240_000): Promise<void> {
    const wanted = Object.entries({ alertname: name, ...labels })
    for (const end = Date.now() + limitMs; ; await delay(500)) {
      if (this.#fired.some(alert => wanted.every(([label, value]) => alert.labels[label] === value))) return
      if (Date.now() > end)
        throw new Error(
          `${name} did not fire, but ${JSON.stringify(this.#fired.map(({ labels }) => labels))}`,
        )
    }
  }

  /** Those that ever fired and have this label. */
  of(label: string, value: string): Alert[] {
    return this.#fired.filter(({ labels }) => labels[label] === value)
  }

  async stop(): Promise<void> {
    this.#stop.abort()
    await this.#watching
    await this.#prometheus.stop()
  }

  async #watch(): Promise<void> {
    const seen = new Set<string>()
    while (!this.#stop.signal.aborted) {
      for (const alert of await this.#prometheus.alerts()) {
        const key = JSON.stringify(alert.labels)
        if (alert.state !== 'firing' || seen.has(key)) continue
        seen.add(key)
        this.#fired.push(alert)
      }
      await delay(300)
    }
  }
}

function hurried(rule: Rule): Rule {
  const speed = speeds[rule.alert] ?? usualSpeed
  const expr = rule.expr
    .replaceAll(/(\[|offset )(\d+)([smh])/g, (_, before: string, count: string, unit: string) => {
      return `${before}${secondsIn(count, unit) / speed}s`
    })
    .replaceAll(/(_seconds\S*\)?) > (\d{3,}|\d+ \* 3600)/g, (_, metric: string, seconds: string) => {
      return `${metric} > (${seconds}) / ${speed}`
    })
  const [, count, unit] = /^(\d+)([smh])$/.exec(rule.for ?? '') ?? []
  if (count === undefined || unit === undefined) return { ...rule, expr }
  const lastingSeconds = Math.max(secondsIn(count, unit) / lastingSpeed, lastingSecondsMin)
  return { ...rule, expr, for: `${lastingSeconds}s` }
}

function secondsIn(count: string, unit: string): number {
  return Number(count) * secondsOf[unit as keyof typeof secondsOf]
}
