import t from 'tap'
import * as conventions from '@opentelemetry/semantic-conventions/incubating'
import { fileURLToPath } from 'node:url'
import { goldenText } from '../../core/testing/golden.ts'
import { SIDECAR_METRIC_TABLE } from './observability-page.ts'
import { telemetryWithEverything, withAllFamilies } from './testing/all-families.ts'

const GOLDEN = fileURLToPath(new URL('golden/metrics.txt', import.meta.url))
/** What the conventions have no word for. */
const OURS = /^(weft\.|target$)/
/** Ours, though the name could be one of theirs: a count of tries beyond the first. */
const BESIDE = new Set(['http.client.request.resends'])
const LABELS_OF_OURS = /^(weft\.|policy$|decision$|limit$)/

const known = (kind: 'METRIC_' | 'ATTR_'): ReadonlySet<unknown> =>
  new Set(Object.entries(conventions).flatMap(([name, value]) => (name.startsWith(kind) ? [value] : [])))

t.test('metrics have names of the conventions, or say that they are ours', async (t) => {
  const metrics = known('METRIC_')
  for (const { name } of SIDECAR_METRIC_TABLE)
    t.ok(OURS.test(name) || BESIDE.has(name) || metrics.has(name), name)
  t.notOk(
    [...metrics].some((name) => OURS.test(String(name)) || BESIDE.has(String(name))),
    'none of them is',
  )
})

t.test('and so have their attributes', async (t) => {
  const attributes = known('ATTR_')
  const families = (await withAllFamilies()).filter(({ name }) =>
    /^(http\.|rpc\.|weft\.|process\.)/.test(name),
  )
  const keys = new Set(
    families.flatMap(({ points }) => points.flatMap((one) => one.attributes.map(([key]) => key))),
  )
  for (const key of keys) t.ok(LABELS_OF_OURS.test(key) || attributes.has(key), key)
})

t.test('types and units are those of the conventions', async (t) => {
  const told = Object.fromEntries(
    SIDECAR_METRIC_TABLE.map(({ name, type, unit }) => [name, `${type} ${unit}`]),
  )
  // The package has names alone: these are from the text (.../semconv/http/http-metrics/, .../rpc/rpc-metrics/).
  t.match(told, {
    'http.server.request.duration': 'histogram s',
    'http.client.request.duration': 'histogram s',
    'http.server.request.body.size': 'histogram By',
    'http.client.request.body.size': 'histogram By',
    'http.server.response.body.size': 'histogram By',
    'http.client.response.body.size': 'histogram By',
    'http.server.active_requests': 'gauge {request}',
    'http.client.active_requests': 'gauge {request}',
    'rpc.server.call.duration': 'histogram s',
    'rpc.client.call.duration': 'histogram s',
    'process.cpu.time': 'counter s',
    'process.memory.usage': 'gauge By',
    'process.uptime': 'gauge s',
  })
})

t.test('the whole exposition is what it was', async (t) => {
  const telemetry = telemetryWithEverything()
  const text = String(telemetry.exposition({ format: 'openmetrics', created: false }).body)
  await telemetry.close()
  const made = text.replaceAll(/^((?:process|nodejs|v8js|weft_certificate)_[^ ]*) .*$/gm, '$1 VALUE')
  t.equal(made, goldenText(GOLDEN, made))
})
