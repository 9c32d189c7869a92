// The few words of Grafana's dashboard model that ours are written in: panels that are laid out by themselves,
// three in a row, each a list of PromQL queries. https://grafana.com/docs/grafana/latest/dashboards/build-dashboards/view-dashboard-json-model/

export interface Query {
  expr: string
  /** What a series is called, with labels in double braces. */
  legend: string
}

export interface Panel {
  title: string
  /** What a person should see in it, and where to look when it is bad. */
  description: string
  /** A unit of Grafana: s, Bps, rowsps, short, percentunit … */
  unit: string
  type?: 'timeseries' | 'stat'
  queries: readonly Query[]
}

export interface Row {
  title: string
  panels: readonly Panel[]
}

/** A choice at the top of the dashboard, filled with the values of a label. */
export interface Variable {
  name: string
  label: string
  metric: string
  /** Of the label's values, which can be chosen; by what other variables say. */
  filter?: string
  includeAll?: boolean
}

export interface Dashboard {
  uid: string
  title: string
  description: string
  variables: readonly Variable[]
  rows: readonly Row[]
}

const datasource = { type: 'prometheus', uid: '${datasource}' }
const panelsInRow = 3
const panelWidth = 24 / panelsInRow
const panelHeight = 8

/** The JSON of a dashboard, as Grafana imports it. */
export function grafanaJson(dashboard: Dashboard): string {
  const { uid, title, description, variables, rows } = dashboard
  const model = {
    uid,
    title,
    description,
    tags: ['sluice'],
    schemaVersion: 39,
    editable: true,
    graphTooltip: 1,
    refresh: '30s',
    time: { from: 'now-3h', to: 'now' },
    links: [{ type: 'dashboards', title: 'Sluice', tags: ['sluice'], asDropdown: true, includeVars: true }],
    templating: {
      list: [
        { name: 'datasource', label: 'Prometheus', type: 'datasource', query: 'prometheus', current: {} },
        ...variables.map(variableModel),
      ],
    },
    panels: layOut(rows),
  }
  return `${JSON.stringify(model, null, 2)}\n`
}

function variableModel({ name, label, metric, filter = '', includeAll = false }: Variable): object {
  return {
    name,
    label,
    type: 'query',
    datasource,
    query: { query: `label_values(${metric}${filter}, ${name})`, refId: 'values' },
    refresh: 2,
    sort: 1,
    multi: includeAll,
    includeAll,
    ...(includeAll ? { allValue: '.*', current: { text: 'All', value: '$__all' } } : { current: {} }),
  }
}

function layOut(rows: readonly Row[]): object[] {
  const models: object[] = []
  let y = 0
  for (const { title, panels } of rows) {
    const id = models.length + 1
    models.push({ id, type: 'row', title, collapsed: false, panels: [], gridPos: { x: 0, y, w: 24, h: 1 } })
    y += 1
    for (const [index, panel] of panels.entries()) {
      const x = (index % panelsInRow) * panelWidth
      const below = Math.floor(index / panelsInRow) * panelHeight
      const gridPos = { x, y: y + below, w: panelWidth, h: panelHeight }
      models.push({ id: models.length + 1, ...panelModel(panel), gridPos })
    }
    y += Math.ceil(panels.length / panelsInRow) * panelHeight
  }
  return models
}

function panelModel({ title, description, unit, type = 'timeseries', queries }: Panel): object {
  return {
    type,
    title,
    description,
    datasource,
    fieldConfig: { defaults: { unit, min: 0 }, overrides: [] },
    ...(type === 'stat'
      ? { options: { reduceOptions: { calcs: ['lastNotNull'] }, colorMode: 'value' } }
      : { options: { legend: { displayMode: 'list', placement: 'bottom' }, tooltip: { mode: 'multi' } } }),
    targets: queries.map(({ expr, legend }, index) => ({
      refId: String.fromCodePoint('A'.charCodeAt(0) + index),
      datasource,
      expr,
      legendFormat: legend,
    })),
  }
}
