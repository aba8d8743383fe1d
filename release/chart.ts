import { readFileSync } from 'node:fs'
import { join, relative } from 'node:path'
import { gzipSync } from 'node:zlib'
import { parse, parseDocument } from 'yaml'
import type { Change } from './changelog.ts'
import { timestamp, type Blobs, type Descriptor } from './image/oci-image.ts'
import { tar } from './image/tar.ts'

const CONFIG = 'application/vnd.cncf.helm.config.v1+json'
const CONTENT = 'application/vnd.cncf.helm.chart.content.v1.tar+gzip'

/**
 * The archive of a chart as `helm package` would make it, but the same for the same files: below a folder of the chart's name,
 * all of one time. `files`: paths in `folder`. What Artifact Hub shows as changes goes into Chart.yaml.
 */
export function chartArchive(
  folder: string,
  files: readonly string[],
  changes: readonly Change[],
  seconds: number,
): Buffer {
  const entries = files.toSorted().map((file) => {
    const text = readFileSync(file)
    const path = relative(folder, file)
    const content = path === 'Chart.yaml' ? Buffer.from(withChanges(text.toString(), changes)) : text
    return { path: `weft/${path}`, type: 'file', mode: 0o644, content } as const
  })
  return gzipSync(tar(entries, seconds))
}

/** Chart.yaml with the annotation that Artifact Hub reads (artifacthub.io/docs/topics/annotations/helm). */
function withChanges(chart: string, changes: readonly Change[]): string {
  const document = parseDocument(chart)
  const told = changes.map(({ kind, text }) => ({
    kind: kind.toLowerCase(),
    description: text.replaceAll('**', ''),
  }))
  document.setIn(['annotations', 'artifacthub.io/changes'], JSON.stringify(told))
  return String(document)
}

/** The chart as registries keep it (helm.sh/docs/topics/registries): Chart.yaml as its configuration, the archive as a layer. */
export function addChart(blobs: Blobs, folder: string, archive: Buffer, seconds: number): Descriptor {
  const { annotations: _, ...chart } = parse(readFileSync(join(folder, 'Chart.yaml'), 'utf8')) as Chart
  return blobs.addManifest(blobs.addJson(CONFIG, chart), [blobs.add(CONTENT, archive)], {
    'org.opencontainers.image.title': chart.name,
    'org.opencontainers.image.description': chart.description,
    'org.opencontainers.image.version': chart.version,
    'org.opencontainers.image.created': timestamp(seconds),
  })
}

interface Chart {
  readonly name: string
  readonly version: string
  readonly description: string
  readonly annotations?: object
}
