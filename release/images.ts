import { cpSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { bundle, copyShipped } from '../cli/bundle.ts'
import { WeftError } from '../core/errors.ts'
import { fillBaseRoot } from './base-root.ts'
import type { DebianPackage } from './debian.ts'
import type { Architecture } from './image/architecture.ts'
import { closureOf } from './image/closure.ts'
import { readDockerfile, type Dockerfile } from './image/dockerfile.ts'
import { timestamp, type Blobs, type Descriptor, type ImageContent } from './image/oci-image.ts'
import { folderFiles, type RootFiles } from './image/root-files.ts'
import { npmPackage } from './npm-package.ts'

const DOCKER = join(import.meta.dirname, '../deploy/docker')

/** What the images are made of, besides the bundles. */
export interface Base {
  readonly node: string
  /** Of Debian, such as `trixie`. */
  readonly suite: string
}

export interface Images {
  /** Image's name, such as `weft-proxy` -> the index that has it for each processor. */
  readonly indexes: ReadonlyMap<string, Descriptor>
  readonly packages: readonly DebianPackage[]
}

export interface ImagesOptions {
  readonly parts: readonly string[]
  readonly architectures: readonly Architecture[]
  /** What stands in the Dockerfiles' labels for `$VERSION`, `$REVISION` and `$SOURCE`; one that is empty is left out. */
  readonly labels: Readonly<Record<string, string>>
  readonly seconds: number
  /** A folder for what is unpacked. */
  readonly work: string
  readonly progress: (line: string) => void
}

/** What all Dockerfiles say that they stand on. Throws WeftError `release.dockerfile` unless they say the same. */
export function baseOf(parts: readonly string[]): Base {
  const said = new Set(parts.map((part) => /^ARG NODE_IMAGE=(.*)$/m.exec(textOf(part))?.[1]))
  const [image = ''] = said
  const [, node, suite] = /^node:([\d.]+)-([a-z]+)-slim$/.exec(image) ?? []
  if (said.size !== 1 || node === undefined || suite === undefined)
    throw new WeftError(
      'release.dockerfile',
      `the Dockerfiles must all have one ARG NODE_IMAGE=node:VERSION-SUITE-slim, not ${[...said].join(', ')}`,
    )
  return { node, suite }
}

/**
 * Makes the images that deploy/docker describes, without an engine and for processors that this machine need not have: each
 * a root of the Dockerfile's files below its bundle. `blobs` gets all of them.
 */
export async function makeImages(blobs: Blobs, options: ImagesOptions): Promise<Images> {
  const { parts, architectures, work, progress } = options
  const { suite } = baseOf(parts)
  const dockerfiles = new Map(parts.map((part) => [part, readDockerfile(textOf(part))]))
  const wanted = [...new Set([...dockerfiles.values()].flatMap(({ packages }) => packages))]
  const dist = join(work, 'dist')
  for (const part of parts) {
    progress(`bundle ${part}`)
    await bundle(part, { into: dist })
  }
  const manifests = new Map<string, Descriptor[]>(parts.map((part) => [part, []]))
  const packages: DebianPackage[] = []
  for (const architecture of architectures) {
    progress(
      `${architecture.name}: Node.js from npm; libraries and ${wanted.join(', ')} from Debian ${suite}`,
    )
    const root = mkdtempSync(join(work, `root-${architecture.name}-`))
    packages.push(...(await fillBaseRoot(root, architecture, { suite, packages: wanted, work })))
    const own = join(work, `dist-${architecture.name}`)
    cpSync(dist, own, { recursive: true })
    await changeBinaries(own, [architecture], work)
    let lowest: RootFiles | undefined
    for (const [part, dockerfile] of dockerfiles) {
      progress(`${architecture.name}: image of ${part}`)
      const closures = dockerfile.closures.map((one) => closureOf(one, root, architecture))
      const files = Object.assign({}, ...closures) as RootFiles
      lowest ??= files
      const content = contentOf(dockerfile, lowest, files, own, options.labels)
      const platform = { architecture: architecture.name, os: 'linux' } as const
      manifests.get(part)?.push({ ...blobs.addImage(content, platform), platform })
    }
  }
  const created = { 'org.opencontainers.image.created': timestamp(options.seconds) }
  const indexes = [...dockerfiles].map(([part, { labels }]) => {
    const annotations = { ...filledIn(labels, options.labels), ...created }
    return [`weft-${part}`, blobs.addIndex(manifests.get(part) ?? [], annotations)] as const
  })
  return { indexes: new Map(indexes), packages }
}

/** `lowest`: files of the first image, a layer that all of them share; where one has more, that is a layer of its own. */
function contentOf(
  { copies, entrypoint, env, user, labels, ports }: Dockerfile,
  lowest: RootFiles,
  files: RootFiles,
  dist: string,
  values: Readonly<Record<string, string>>,
): ImageContent {
  const more = Object.entries(files).filter(([path]) => !(path in lowest))
  const layers = [
    lowest,
    ...(more.length > 0 ? [Object.fromEntries(more)] : []),
    ...copies.map(([from, to]) => folderFiles(to, join(dist, from.replace(/^dist\//, '')))),
  ]
  return { layers, entrypoint, env, user, labels: filledIn(labels, values), ports }
}

/** Labels with their build arguments; those that have no value are left out. */
function filledIn(
  labels: Readonly<Record<string, string>>,
  values: Readonly<Record<string, string>>,
): Record<string, string> {
  const filled = Object.entries(labels).map(([name, value]) => {
    const text = value.replaceAll(/\$([A-Z]+)/g, (_, argument: string) => values[argument] ?? '')
    return [name, text] as const
  })
  return Object.fromEntries(filled.filter(([, value]) => value !== ''))
}

/** In bundles, the packages that npm chose for this machine's processor become those for others. */
export async function changeBinaries(
  dist: string,
  architectures: readonly Architecture[],
  work: string,
): Promise<void> {
  for (const { path, name } of nativePackages(dist)) {
    rmSync(path, { recursive: true })
    for (const { node } of architectures) {
      const other = name.replace(`-${process.arch}`, `-${node}`)
      copyShipped(await npmPackage(other, work), join(dirname(path), other.slice(other.indexOf('/') + 1)))
    }
  }
}

/** Packages below a folder that are for one processor, by what their package.json says. */
function nativePackages(dist: string): { readonly path: string; readonly name: string }[] {
  return readdirSync(dist, { recursive: true, encoding: 'utf8' })
    .filter((path) => path.endsWith('/package.json'))
    .map((path) => dirname(join(dist, path)))
    .flatMap((path) => {
      const { name, cpu } = JSON.parse(readFileSync(join(path, 'package.json'), 'utf8')) as Manifest
      return cpu?.includes(process.arch) && name !== undefined ? [{ path, name }] : []
    })
}

interface Manifest {
  readonly name?: string
  readonly cpu?: readonly string[]
}

function textOf(part: string): string {
  const path = join(DOCKER, `${part}.Dockerfile`)
  if (!existsSync(path)) throw new WeftError('release.dockerfile', `there is no ${path}`)
  return readFileSync(path, 'utf8')
}
