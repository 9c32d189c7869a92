/** A Prometheus that scrapes what its configuration says, keeps it in a temporary folder, and answers queries. */
import { rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { stringify } from 'yaml'

import { freePort } from '#scripts/free-port.ts'
import { ServerProcess } from '#scripts/server-process.ts'

import { prometheusProgram, temporaryDir } from './cache.ts'

export interface PrometheusConfig {
  readonly scrapeIntervalMs: number
  /** Entries of `scrape_configs`. */
  readonly scrapes: readonly object[]
  /** Groups of rules; they are evaluated as often as is scraped. */
  readonly ruleGroups?: readonly object[]
}

export interface Sample {
  readonly metric: Readonly<Record<string, string>>
  readonly value: number
}

export interface RuleHealth {
  readonly name: string
  readonly health: 'ok' | 'err' | 'unknown'
  readonly lastError?: string
  readonly state?: 'inactive' | 'pending' | 'firing'
}

export interface Alert {
  /** Of the rule and of the series that it fires for, and `alertname`. */
  readonly labels: Readonly<Record<string, string>>
  readonly state: 'pending' | 'firing'
}

export interface BedPrometheus {
  /** What an instant query gives. Rejects with Prometheus' words when it does not understand it. */
  query(expr: string): Promise<Sample[]>
  rules(): Promise<RuleHealth[]>
  /** Those that are not inactive now. */
  alerts(): Promise<Alert[]>
  stop(): Promise<void>
}

export async function startPrometheus(config: PrometheusConfig): Promise<BedPrometheus> {
  const dir = temporaryDir('prometheus')
  const interval = `${config.scrapeIntervalMs}ms`
  const rules = join(dir, 'rules.yaml')
  writeFileSync(rules, stringify({ groups: config.ruleGroups ?? [] }))
  writeFileSync(
    join(dir, 'prometheus.yaml'),
    stringify({
      global: { scrape_interval: interval, evaluation_interval: interval },
      rule_files: [rules],
      scrape_configs: config.scrapes,
    }),
  )
  const port = await freePort()
  const url = `http://127.0.0.1:${port}`
  const server = await ServerProcess.start({
    name: 'Prometheus',
    command: prometheusProgram,
    args: [
      `--config.file=${join(dir, 'prometheus.yaml')}`,
      `--storage.tsdb.path=${join(dir, 'data')}`,
      `--web.listen-address=127.0.0.1:${port}`,
    ],
    logPath: join(dir, 'prometheus.log'),
    ready: async () => (await fetch(`${url}/-/ready`)).ok,
    readyTimeoutMs: 30_000,
    stopSignal: 'SIGTERM',
    stopTimeoutMs: 10_000,
    orphanSignal: 'KILL',
  })

  async function ask<T>(path: string): Promise<T> {
    const answer = (await (await fetch(`${url}/api/v1/${path}`)).json()) as { data: T; error?: string }
    if (answer.error !== undefined) throw new Error(`${path}: ${answer.error}`)
    return answer.data
  }

  return {
    async query(expr) {
      const found = await ask<{ resultType: string; result: unknown }>(
        `query?query=${encodeURIComponent(expr)}`,
      )
      if (found.resultType !== 'vector') throw new Error(`${expr} gives a ${found.resultType}`)
      const result = found.result as { metric: Record<string, string>; value: [number, string] }[]
      return result.map(({ metric, value }) => ({ metric, value: Number(value[1]) }))
    },
    async rules() {
      const { groups } = await ask<{ groups: { rules: RuleHealth[] }[] }>('rules')
      return groups.flatMap(group => group.rules)
    },
    async alerts() {
      return (await ask<{ alerts: Alert[] }>('alerts')).alerts
    },
    async stop() {
      await server.stop()
      rmSync(dir, { recursive: true, force: true })
    },
  }
}
