import { cpSync, mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parse, stringify } from 'yaml'
import { startCluster } from '../../local/cluster.ts'
import { DASHBOARD_TARGET } from '../../local/control/status.ts'
import { FOLDER } from '../../release/observability/files.ts'
import { demoCluster } from '../demo/demo-cluster.ts'
import type { DemoCluster } from '../demo/scenario.ts'
import { untilReady } from '../demo/until-ready.ts'
import type { Progress } from '../programs/progress.ts'
import { prometheusProgram } from '../programs/prometheus.ts'
import { Jaeger } from './jaeger.ts'
import { COLLECTOR_PROGRAM, JAEGER_PROGRAM, type TelemetryPart } from './programs.ts'
import { MANIFESTS } from './manifests.ts'
import { Prometheus } from './prometheus.ts'
import { scrapeTargets } from './scrape-targets.ts'

/** A mesh on this machine, with Prometheus, Jaeger and a Collector that get what it tells. */
export interface TelemetryBed {
  readonly mesh: DemoCluster
  readonly prometheus: Prometheus
  /** The same once more, which takes native histograms where there are any. */
  readonly native: Prometheus
  readonly jaeger: Jaeger
  close(): Promise<void>
}

/** How often Prometheus scrapes, and looks at rules. Seconds. */
const INTERVAL_S = 1
const TARGETS = 'targets.json'

/** `folders`: of the programs. Resolves once every pod is ready and Prometheus knows what to scrape. */
export async function startBed(
  folders: Readonly<Record<TelemetryPart, string>>,
  progress: Progress,
): Promise<TelemetryBed> {
  const root = mkdtempSync(join(tmpdir(), 'weft-telemetry-'))
  const remove = () => rmSync(root, { recursive: true, force: true })
  try {
    const images = programFolders(root, folders)
    const manifests = join(root, 'manifests')
    mkdirSync(manifests)
    for (const [file, text] of Object.entries(MANIFESTS)) writeFileSync(join(manifests, file), text)
    const cluster = await startCluster({
      manifests: [manifests],
      name: `telemetry-${process.pid}`,
      images,
      collector: 'http://collector.observability:4317',
      onProgress: progress,
      onWarning: (line) => progress(`warning: ${line}`),
    })
    const close = async () => {
      await cluster.close()
      remove()
    }
    try {
      await untilReady(cluster)
      const address = async (target: string) => `http://127.0.0.1:${await cluster.expose(target)}`
      const { pods } = await cluster.status()
      // As a whole, so that Prometheus never reads a half.
      const file = join(images['weft.dev/prometheus'] as string, TARGETS)
      writeFileSync(`${file}.new`, JSON.stringify(scrapeTargets(pods)))
      renameSync(`${file}.new`, file)
      return {
        mesh: demoCluster(cluster, await address(DASHBOARD_TARGET)),
        prometheus: new Prometheus(await address('prometheus.observability:9090')),
        native: new Prometheus(await address('prometheus-native.observability:9090')),
        jaeger: new Jaeger(await address('jaeger-query.observability:16686')),
        close,
      }
    } catch (error) {
      await close()
      throw error
    }
  } catch (error) {
    remove()
    throw error
  }
}

/** What stands for the images: each program with the files that it reads, which are those of deploy/observability/. */
function programFolders(
  root: string,
  folders: Readonly<Record<TelemetryPart, string>>,
): Readonly<Record<string, string>> {
  const place = (name: string, program: string): string => {
    const folder = join(root, name)
    mkdirSync(folder)
    cpSync(program, join(folder, name))
    return folder
  }
  const prometheus = place('prometheus', prometheusProgram(folders.prometheus))
  cpSync(join(FOLDER, 'rules.yaml'), join(prometheus, 'rules.yaml'))
  writeFileSync(join(prometheus, 'prometheus.yaml'), scrapeConfiguration())
  writeFileSync(join(prometheus, TARGETS), '[]')
  const otelcol = place('otelcol', join(folders.collector, COLLECTOR_PROGRAM))
  cpSync(join(FOLDER, 'collector.yaml'), join(otelcol, 'collector.yaml'))
  return {
    'weft.dev/demo': join(import.meta.dirname, '../demo/app'),
    'weft.dev/prometheus': prometheus,
    'weft.dev/otelcol': otelcol,
    'weft.dev/jaeger': place('jaeger', join(folders.jaeger, JAEGER_PROGRAM)),
  }
}

interface ScrapeConfiguration {
  readonly global: object
  readonly scrape_configs: readonly Readonly<Record<string, unknown>>[]
}

/**
 * deploy/observability/prometheus.yaml where no Kubernetes tells of pods: a file does, with the labels that Kubernetes'
 * discovery gives. Debian's Prometheus is built without that discovery.
 */
export function scrapeConfiguration(): string {
  const written = readFileSync(join(FOLDER, 'prometheus.yaml'), 'utf8')
  const { scrape_configs: jobs, ...rest } = parse(written) as ScrapeConfiguration
  return stringify({
    ...rest,
    global: { scrape_interval: `${INTERVAL_S}s`, evaluation_interval: `${INTERVAL_S}s` },
    scrape_configs: [
      ...jobs.map((job) => ({
        ...Object.fromEntries(Object.entries(job).filter(([key]) => key !== 'kubernetes_sd_configs')),
        file_sd_configs: [{ files: [TARGETS], refresh_interval: `${INTERVAL_S}s` }],
      })),
      // What the Collector tells of itself, and what it passes on.
      {
        job_name: 'collector',
        static_configs: [{ targets: ['collector.observability:8888'] }],
      },
      {
        job_name: 'through-collector',
        static_configs: [{ targets: ['collector.observability:8889'] }],
        // Beside the pods themselves everything is there twice: it must not be what boards and rules find.
        metric_relabel_configs: [
          { source_labels: ['__name__'], target_label: '__name__', replacement: 'collected_$1' },
        ],
        honor_labels: true,
      },
    ],
  })
}
