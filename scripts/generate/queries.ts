// What dashboards ask Prometheus for: our metrics by their names in the code, and the forms that recur.
import { metricDefinitions } from '#common/metrics.ts'
import { operatorMetricDefinitions } from '#operator/metrics.ts'

type Names<D extends Readonly<Record<string, { name: string }>>> = { readonly [K in keyof D]: D[K]['name'] }

/** Of workers. */
export const m = namesOf(metricDefinitions)
/** Of the operator. */
export const o = namesOf(operatorMetricDefinitions)

export const rate = (metric: string, filter = ''): string => `rate(${metric}${filter}[$__rate_interval])`
export const quantile = (q: number, metric: string, by: string, filter = ''): string =>
  `histogram_quantile(${q}, sum by (le${by}) (${rate(`${metric}_bucket`, filter)}))`

function namesOf<D extends Readonly<Record<string, { name: string }>>>(definitions: D): Names<D> {
  return Object.fromEntries(Object.entries(definitions).map(([key, { name }]) => [key, name])) as Names<D>
}
