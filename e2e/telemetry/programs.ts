import { createHash } from 'node:crypto'
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { stringify } from 'yaml'
import { isCached } from '../programs/cache.ts'
import { buildGo } from '../programs/go-module.ts'
import { makePart, type Part } from '../programs/part.ts'
import type { Progress } from '../programs/progress.ts'
import { PROMETHEUS_PART } from '../programs/prometheus.ts'
import { runStep } from '../programs/run-step.ts'

export const JAEGER = 'v1.76.0'
export const COLLECTOR = 'v0.165.0'
/** Grafana's types of dashboards, which it publishes with readers that refuse what they do not know. */
export const GRAFANA_TYPES = 'v0.0.22'

/** The programs' names in the folders of their parts. */
export const JAEGER_PROGRAM = 'jaeger'
export const COLLECTOR_PROGRAM = 'otelcol'
export const BOARDS_PROGRAM = 'boards'

const JAEGER_MODULE = 'github.com/jaegertracing/jaeger'
const GRAFANA_MODULE = 'github.com/grafana/grafana-foundation-sdk/go'
const SOURCES = join(import.meta.dirname, 'go')
const BUILDER_MODULE = 'go.opentelemetry.io/collector/cmd/builder'
const CONTRIB = 'github.com/open-telemetry/opentelemetry-collector-contrib'
const CORE = 'go.opentelemetry.io/collector'

/** What the Collector is built of: what deploy/observability/collector.yaml names, and the debug exporter. */
const COLLECTOR_PARTS = {
  receivers: [`${CORE}/receiver/otlpreceiver ${COLLECTOR}`],
  processors: [
    `${CORE}/processor/batchprocessor ${COLLECTOR}`,
    `${CORE}/processor/memorylimiterprocessor ${COLLECTOR}`,
  ],
  exporters: [
    `${CORE}/exporter/otlpexporter ${COLLECTOR}`,
    `${CORE}/exporter/otlphttpexporter ${COLLECTOR}`,
    `${CORE}/exporter/debugexporter ${COLLECTOR}`,
    `${CONTRIB}/exporter/prometheusexporter ${COLLECTOR}`,
  ],
}

const PARTS = {
  prometheus: PROMETHEUS_PART,
  jaeger: { folder: `jaeger-${JAEGER}`, make: makeJaeger },
  collector: { folder: `otel-collector-${COLLECTOR}`, make: makeCollector },
  'grafana-types': { folder: `grafana-types-${GRAFANA_TYPES}-${sourceHash()}`, make: makeBoardsReader },
} satisfies Record<string, Part>

export type TelemetryPart = keyof typeof PARTS
export const TELEMETRY_PARTS = Object.keys(PARTS) as readonly TelemetryPart[]

/** Makes the part if it is not in the cache. Its folder. Throws WeftError `programs.lack` that says what is missing. */
export function ensureTelemetryPart(name: TelemetryPart, progress: Progress): Promise<string> {
  return makePart(PARTS[name], progress)
}

/** Whether all of a part is in the cache already. */
export function isTelemetryPartMade(name: TelemetryPart): boolean {
  return isCached(PARTS[name].folder)
}

/** Jaeger in one process that keeps traces in memory. Its pages are not in the module: it answers its API alone. */
function makeJaeger(folder: string, progress: Progress): Promise<Record<string, string>> {
  return buildGo(
    {
      module: JAEGER_MODULE,
      version: JAEGER,
      packages: { [`${JAEGER_MODULE}/cmd/all-in-one`]: JAEGER_PROGRAM },
    },
    folder,
    progress,
  )
}

/** A program of ours that reads boards by Grafana's types. */
function makeBoardsReader(folder: string, progress: Progress): Promise<Record<string, string>> {
  return buildGo(
    {
      module: GRAFANA_MODULE,
      version: GRAFANA_TYPES,
      packages: { './boards': BOARDS_PROGRAM },
      sources: SOURCES,
    },
    folder,
    progress,
  )
}

/** A Collector of the parts above, by OpenTelemetry's own builder. */
async function makeCollector(folder: string, progress: Progress): Promise<Record<string, string>> {
  const built = await buildGo(
    { module: BUILDER_MODULE, version: COLLECTOR, packages: { [BUILDER_MODULE]: 'builder' } },
    folder,
    progress,
  )
  const work = mkdtempSync(join(tmpdir(), 'weft-collector-'))
  try {
    const modules = (list: readonly string[]) => list.map((gomod) => ({ gomod }))
    const config = join(work, 'builder.yaml')
    writeFileSync(
      config,
      stringify({
        dist: { name: COLLECTOR_PROGRAM, version: COLLECTOR.slice(1), output_path: join(work, 'out') },
        receivers: modules(COLLECTOR_PARTS.receivers),
        processors: modules(COLLECTOR_PARTS.processors),
        exporters: modules(COLLECTOR_PARTS.exporters),
      }),
    )
    progress('collector: its builder fetches and compiles it')
    await runStep([join(folder, 'builder'), '--config', config], {
      cwd: work,
      env: {
        ...process.env,
        CGO_ENABLED: '0',
        GOTOOLCHAIN: 'auto',
        GOWORK: 'off',
        GOFLAGS: '-buildvcs=false',
      },
    })
    cpSync(join(work, 'out', COLLECTOR_PROGRAM), join(folder, COLLECTOR_PROGRAM))
    rmSync(join(folder, 'builder'))
    return built
  } finally {
    rmSync(work, { recursive: true, force: true })
  }
}

/** Another source is another program. */
function sourceHash(): string {
  return createHash('sha256')
    .update(readFileSync(join(SOURCES, 'boards/main.go')))
    .digest('hex')
    .slice(0, 12)
}
