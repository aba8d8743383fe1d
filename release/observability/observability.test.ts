import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { CONTROL_PLANE_METRICS } from '../../control-plane/serve/metrics/control-plane-metrics.ts'
import { outcomeOf } from '../../control-plane/serve/telemetry/request-outcome.ts'
import { GRPC_STATUSES } from '../../core/grpc-status.ts'
import { labelName, prometheusName, type MetricDescription } from '../../core/metrics/family.ts'
import { INJECTOR_METRICS } from '../../injector/metrics.ts'
import { ResponseFlag } from '../../proxy/model/response-flag.ts'
import { CLUSTER_METRICS } from '../../proxy/telemetry/cluster-metrics.ts'
import { Metrics } from '../../proxy/telemetry/metrics.ts'
import { SIDECAR_METRIC_TABLE } from '../../proxy/telemetry/observability-page.ts'
import { durationFamilies, REQUEST_LABELS } from '../../proxy/telemetry/request-families.ts'
import { TCP_LABELS } from '../../proxy/telemetry/tcp-families.ts'
import { testRequest } from '../../proxy/telemetry/testing/all-families.ts'
import { boardOf } from './board.ts'
import { BOARDS, FOLDER, observabilityFiles } from './files.ts'
import { FAILED } from './queries.ts'
import { RULE_GROUPS } from './rules.ts'

t.test('deploy/observability is what its descriptions make', async (t) => {
  const files = observabilityFiles()
  for (const [name, text] of files)
    t.equal(
      readFileSync(join(FOLDER, name), 'utf8'),
      text,
      `${name}: node release/observability/main.ts writes it`,
    )
  const boards = readdirSync(join(FOLDER, 'boards')).map((name) => `boards/${name}`)
  t.strictSame(
    boards.filter((name) => !files.has(name)),
    [],
    'and no board of which nobody knows',
  )
})

const RULES = RULE_GROUPS.flatMap(({ rules }) => rules)
const QUERIES: readonly (readonly [where: string, expr: string])[] = [
  ...BOARDS.flatMap(({ name, rows, variables }) => [
    ...variables.map(({ query }) => [name, query] as const),
    ...rows.flatMap(({ panels }) =>
      panels.flatMap(({ queries, title }) => queries.map(({ expr }) => [`${name}: ${title}`, expr] as const)),
    ),
  ]),
  ...RULES.map((rule) => ['record' in rule ? rule.record : rule.alert, rule.expr] as const),
]

t.test('every metric and label that is asked for is told', async (t) => {
  const metrics = new Set([
    ...[...SIDECAR_METRIC_TABLE, ...CONTROL_PLANE_METRICS, ...INJECTOR_METRICS].flatMap(seriesOf),
    ...RULES.flatMap((rule) => ('record' in rule ? [rule.record] : [])),
  ])
  const labels = new Set([
    ...[...Object.keys(REQUEST_LABELS), ...Object.keys(TCP_LABELS)].map(labelName),
    ...CLUSTER_METRICS.flatMap(({ label }) => (label === undefined ? [] : [labelName(label)])),
    // Of decisions, limits, canaries, and what control plane and injector tell.
    ...[
      'policy',
      'decision',
      'limit',
      'canary',
      'canary_namespace',
      'phase',
      'weft_certificate',
      'weft_config_version',
    ],
    ...[
      'weft_state',
      'weft_resource',
      'weft_outcome',
      'weft_store',
      'weft_severity',
      'weft_result',
      'weft_reason',
    ],
    // Of every scrape by deploy/observability/prometheus.yaml, and of histograms.
    ...['namespace', 'pod', 'instance', 'le'],
  ])
  for (const [where, expr] of QUERIES) {
    // What stands in quotes names nothing.
    const bare = expr.replaceAll(/"[^"]*"/g, '""')
    for (const [name] of bare.matchAll(
      /\b(?:weft[_:]|http_|rpc_|process_|v8js_|nodejs_)[\w:]+(?=[{[) ,]|$)/g,
    ))
      if (!labels.has(name)) t.ok(metrics.has(name), `${where} asks for ${name}`)
    for (const [, name] of bare.matchAll(/([a-z_]+)(?:=~|!~|!=|=)""/g))
      t.ok(labels.has(name ?? ''), `${where}: ${name}`)
    for (const [, list] of bare.matchAll(/\b(?:by|on) \(([^)]*)\)/g))
      for (const name of list?.split(', ') ?? []) t.ok(labels.has(name), `${where}: by ${name}`)
  }
})

t.test('a board is one that Grafana can show', async (t) => {
  const uids = new Set<string>()
  for (const description of BOARDS) {
    const board = boardOf(description)
    const { panels = [], schemaVersion, templating, uid = '' } = board
    t.notOk(uids.has(uid), `${uid} is of one board`)
    uids.add(uid)
    t.ok(schemaVersion >= 39, 'the schema of Grafana 11 or newer')
    t.strictSame(templating.list?.[0]?.type, 'datasource')
    const variables = new Set(templating.list?.map(({ name }) => name))
    const taken = new Set<string>()
    const ids = new Set<number | undefined>()
    for (const panel of panels) {
      const { gridPos, id, type } = panel
      t.match(type, /^(row|stat|table|timeseries)$/)
      t.notOk(ids.has(id), `${uid}: ${id} is of one panel`)
      ids.add(id)
      if (!gridPos) throw new Error(`${uid}: panel ${id} stands nowhere`)
      t.ok(gridPos.x + gridPos.w <= 24, `${uid}: ${panel.title} is within the board`)
      for (let x = gridPos.x; x < gridPos.x + gridPos.w; x++)
        for (let y = gridPos.y; y < gridPos.y + gridPos.h; y++) {
          if (taken.has(`${x} ${y}`)) t.fail(`${uid}: ${panel.title} stands on another`)
          taken.add(`${x} ${y}`)
        }
      if (!('targets' in panel)) continue
      t.strictSame(panel.datasource, { type: 'prometheus', uid: '${datasource}' })
      t.ok(panel.fieldConfig?.defaults.unit, `${uid}: ${panel.title} has a unit`)
      t.strictSame(
        panel.fieldConfig?.defaults.thresholds?.steps[0]?.value,
        null,
        'the first step has no value',
      )
    }
    const used = JSON.stringify(panels).matchAll(/\$\{?(\w+)/g)
    for (const [, name = ''] of used) t.ok(variables.has(name) || name.startsWith('__'), `${uid}: $${name}`)
  }
})

t.test('what boards and rules take for failed is what the dashboard does', async (t) => {
  const failing = FAILED.match(/\w+(?:=|!=|=~|!~)"[^"]*"/g)?.map(matcher) ?? []
  t.equal(failing.length, 3)
  let failures = 0
  const flagSets = [
    0,
    ...Object.values(ResponseFlag),
    ResponseFlag.UC | ResponseFlag.DC,
    ResponseFlag.URX | ResponseFlag.UF,
  ]
  const grpcStatuses = [undefined, 0, ...GRPC_STATUSES.map((_, index) => index + 1)]
  // A call that was broken off has no status of its server.
  for (const direction of ['inbound', 'outbound'] as const)
    for (const status of [0, 101, 200, 304, 404, 429, 500, 503])
      for (const flags of flagSets)
        for (const grpcStatus of status === 200 && flags === 0 ? grpcStatuses : [undefined]) {
          const metrics = new Metrics()
          metrics.request(
            testRequest(direction, {
              status,
              flags,
              ...(grpcStatus !== undefined && { grpc: true, grpcStatus }),
            }),
          )
          const told = durationFamilies([...metrics.requests], undefined).flatMap(({ points }) =>
            points.map((point) => point.attributes),
          )
          const attributes = Object.fromEntries((told[0] ?? []).filter(([, value]) => value !== ''))
          const labels = Object.fromEntries(
            Object.entries(attributes).map(([key, value]) => [labelName(key), String(value)]),
          )
          const failed = outcomeOf(attributes) === 'failed'
          if (failed) failures++
          t.equal(
            failing.every((holds) => holds(labels)),
            failed,
            JSON.stringify(labels),
          )
        }
  t.ok(failures > 20)
})

/** A matcher of PromQL; a label that is not there is empty, and expressions hold for the whole value. */
function matcher(text: string): (labels: Readonly<Record<string, string>>) => boolean {
  const [, label = '', operator = '', value = ''] = /^(\w+)(=|!=|=~|!~)"([^"]*)"$/.exec(text) ?? []
  const whole = operator.endsWith('~') ? new RegExp(`^(?:${value})$`) : undefined
  return (labels) => {
    const is = labels[label] ?? ''
    return (whole ? whole.test(is) : is === value) !== operator.startsWith('!')
  }
}

/** As Prometheus calls the series of a metric. */
function seriesOf(metric: MetricDescription): readonly string[] {
  const name = prometheusName(metric)
  return metric.type === 'histogram' ? ['_bucket', '_count', '_sum'].map((end) => name + end) : [name]
}
