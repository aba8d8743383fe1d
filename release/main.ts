import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { bundle } from '../cli/bundle.ts'
import { describeError, WeftError } from '../core/errors.ts'
import { mustRun } from '../local/node/run-command.ts'
import { artifactsOf, checksumsText, LayoutWriter, type Artifact } from './artifacts.ts'
import { addChart, chartArchive } from './chart.ts'
import { LACK, type DebianPackage } from './debian.ts'
import { Blobs, timestamp, type Descriptor } from './image/oci-image.ts'
import { folderFiles, layerOf } from './image/root-files.ts'
import { baseOf, changeBinaries, makeImages } from './images.ts'
import { HELP, parseOptions, PARTS, type Options } from './options.ts'
import { findTool, push, pushCommand, requireTool, TOOL_NAMES } from './push.ts'
import { billOfMaterials } from './sbom.ts'
import { PROJECT, readSources, type Sources } from './sources.ts'

const CHART = join(PROJECT, 'deploy/chart')
const SUMS = 'SHA256SUMS'
/** The annotation that holds a tag in an image layout. */
const REF_NAME = 'org.opencontainers.image.ref.name'

interface Result {
  readonly version: string
  readonly commit: string
  readonly created: string
  readonly dryRun: boolean
  readonly folder: string
  /** By name, with the digest that a registry will know it by. */
  readonly images: Readonly<Record<string, string>>
  readonly chart: string
  readonly base: {
    readonly node: string
    readonly debian: string
    readonly packages: readonly DebianPackage[]
  }
  readonly files: readonly Artifact[]
  /** References that were pushed; in a dry run, that would be. */
  readonly pushes: readonly string[]
  /** What keeps this commit from being published as it is. */
  readonly objections: readonly string[]
}

/** A layout that is pushed, by its folder in the release's. */
interface Layout {
  readonly folder: string
  readonly name: string
  readonly descriptor: Descriptor
}

async function release(options: Options): Promise<Result> {
  const sources = await readSources()
  const { version, seconds } = sources
  const objections = objectionsTo(sources)
  if (!options.dryRun && objections.length > 0)
    throw new WeftError('release.sources', `${objections.join('; ')} (--dry-run makes it all the same)`)
  const tool = options.dryRun ? await findTool() : await requireTool()
  const { out } = options
  emptied(out)
  const work = mkdtempSync(join(tmpdir(), 'weft-release-'))
  try {
    const blobs = new Blobs({ seconds, compressed: true })
    const labels = { VERSION: version, REVISION: sources.commit, SOURCE: options.source }
    const images = await makeImages(blobs, { ...options, parts: PARTS, labels, seconds, work, progress })
    progress('chart, archives, bill of materials, notes, checksums')
    const archive = chartArchive(CHART, sources.chartFiles, sources.section.changes, seconds)
    mkdirSync(join(out, 'chart'))
    writeFileSync(join(out, `chart/weft-${version}.tgz`), archive)
    const chart = addChart(blobs, CHART, archive, seconds)
    const layouts: Layout[] = [
      ...[...images.indexes].map(([name, descriptor]) => ({ folder: `images/${name}`, name, descriptor })),
      { folder: 'chart/oci', name: 'charts/weft', descriptor: chart },
    ]
    const writer = new LayoutWriter()
    for (const { folder, descriptor } of layouts)
      writer.write(join(out, folder), blobs.layout([{ ...descriptor, annotations: { [REF_NAME]: version } }]))
    writeFileSync(join(out, `weft-${version}-command.tar.gz`), await commandArchive(options, seconds, work))
    await npmTarball(join(out, 'npm'))
    const base = baseOf(PARTS)
    const packages = distinct(images.packages)
    const bill = await billOfMaterials(base.node, { suite: base.suite, packages }, seconds)
    writeFileSync(join(out, `weft-${version}.cdx.json`), bill)
    writeFileSync(join(out, 'RELEASE_NOTES.md'), notesOf(sources, layouts, options.registry))
    const files = artifactsOf(out)
    writeFileSync(join(out, SUMS), checksumsText(files))
    return {
      version,
      commit: sources.commit,
      created: timestamp(seconds),
      dryRun: options.dryRun,
      folder: out,
      images: Object.fromEntries([...images.indexes].map(([name, { digest }]) => [name, digest])),
      chart: chart.digest,
      base: { node: base.node, debian: base.suite, packages },
      files,
      pushes: await pushAll(layouts, version, options, tool),
      objections,
    }
  } finally {
    rmSync(work, { recursive: true, force: true })
  }
}

function objectionsTo({ dirty, section, version }: Sources): string[] {
  return [
    ...(dirty ? ['files differ from the commit: commit or stash them'] : []),
    ...(section.name === version
      ? []
      : [`CHANGELOG.md has no [${version}]: give what is unreleased that name`]),
  ]
}

/** Takes away a release that was there; throws WeftError `release.out` for a folder that holds something else. */
function emptied(out: string): void {
  if (existsSync(out) && readdirSync(out).length > 0) {
    if (!existsSync(join(out, SUMS)))
      throw new WeftError('release.out', `${out} holds something else than a release: name another folder`, {
        field: '--out',
      })
    rmSync(out, { recursive: true })
  }
  mkdirSync(out, { recursive: true })
}

/** `weft` for whoever has a Node.js: `node weft/main.mjs`. It has what is native for each processor. */
async function commandArchive(options: Options, seconds: number, work: string): Promise<Buffer> {
  const dist = join(work, 'command')
  await bundle('weft', { into: dist })
  await changeBinaries(dist, options.architectures, work)
  const files = { ...folderFiles('/', dist), '/LICENSE': { from: join(PROJECT, 'LICENSE') } }
  return gzipSync(layerOf(files, seconds))
}

/** What `npm publish FILE` takes. */
async function npmTarball(folder: string): Promise<void> {
  mkdirSync(folder)
  await mustRun(['sh', '-ec', 'cd "$0"; exec npm pack --silent --pack-destination="$1"', PROJECT, folder])
}

function notesOf(sources: Sources, layouts: readonly Layout[], registry = 'REGISTRY'): string {
  const { version, commit, section } = sources
  const lines = layouts.map(
    ({ name, descriptor }) => `- \`${registry}/${name}:${version}@${descriptor.digest}\``,
  )
  const note = section.name === version ? '' : `\n(Unreleased; made of ${commit}.)\n`
  return `# Weft ${version}\n${note}\n${section.text}\n\n## Images and chart\n\n${lines.join('\n')}\n`
}

async function pushAll(
  layouts: readonly Layout[],
  version: string,
  options: Options,
  tool: string | undefined,
): Promise<string[]> {
  const { registry, out, dryRun, plainHttp } = options
  if (registry === undefined) return []
  const pushed: string[] = []
  for (const { name, folder } of layouts) {
    const target = `${registry}/${name}:${version}`
    const argv = pushCommand(
      tool ?? TOOL_NAMES[0] ?? '',
      { folder: join(out, folder), tag: version },
      target,
      plainHttp,
    )
    progress(`${dryRun ? 'would run' : 'push'}: ${argv.join(' ')}`)
    if (!dryRun) await push(argv)
    pushed.push(target)
  }
  return pushed
}

function distinct(packages: readonly DebianPackage[]): DebianPackage[] {
  return [...new Map(packages.map((one) => [JSON.stringify(one), one])).values()]
}

function progress(line: string): void {
  console.error(`release: ${line}`)
}

function print(result: Result): void {
  console.log(`Weft ${result.version} of ${result.commit.slice(0, 12)} is in ${result.folder}`)
  for (const [name, digest] of Object.entries(result.images)) console.log(`  ${name.padEnd(20)} ${digest}`)
  console.log(`  ${'chart'.padEnd(20)} ${result.chart}`)
  for (const { path, bytes } of result.files)
    if (!path.includes('/blobs/')) console.log(`  ${path} (${Math.ceil(bytes / 1024)} KiB)`)
  for (const one of result.pushes) console.log(`${result.dryRun ? 'would be pushed' : 'pushed'}: ${one}`)
  for (const one of result.objections) console.log(`before it is published: ${one}`)
}

async function main(argv: readonly string[]): Promise<void> {
  const options = parseOptions(argv)
  if (options.help) return console.log(HELP)
  const result = await release(options)
  if (options.json) console.log(JSON.stringify(result))
  else print(result)
  return undefined
}

const EXIT_CODES: Readonly<Record<string, number>> = { 'cli.flags': 2, [LACK]: 3 }

if (import.meta.main)
  main(process.argv.slice(2)).catch((error: unknown) => {
    console.error(`release: ${describeError(error)}`)
    process.exitCode = (error instanceof WeftError && EXIT_CODES[error.code]) || 1
  })
