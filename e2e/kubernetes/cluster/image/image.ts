import { createHash } from 'node:crypto'
import { writeFileSync } from 'node:fs'
import { layerOf, type RootFiles } from '../../../../release/image/root-files.ts'
import { tar, type TarEntry } from '../../../../release/image/tar.ts'

/** What an image has in it, and how it starts. */
export interface ImageContent {
  /** A layer each, lower ones first: what images share is stored once. */
  readonly layers: readonly RootFiles[]
  readonly entrypoint?: readonly string[]
  readonly env?: Readonly<Record<string, string>>
  /** `uid` or `uid:gid`. */
  readonly user?: string
  readonly workingDirectory?: string
}

const ARCHITECTURES: Readonly<Record<string, string>> = { x64: 'amd64', arm64: 'arm64' }
const PATH = '/usr/local/bin:/usr/local/sbin:/usr/bin:/usr/sbin:/bin:/sbin'

/** Name with registry and tag, as pods write it (`weft.local/NAME:1`) -> what is in it. */
export type Images = Readonly<Record<string, ImageContent>>

/**
 * Writes an archive in the OCI image layout (image-layout.md, with `manifest.json` left away: `ctr images import` reads
 * `index.json`). A layer that several images name as the same object is in it once.
 */
export function writeImages(archive: string, images: Images): void {
  const blobs = new Map<string, Buffer>()
  const add = (mediaType: string, blob: Buffer): Descriptor => {
    const digest = createHash('sha256').update(blob).digest('hex')
    blobs.set(digest, blob)
    return { mediaType, digest: `sha256:${digest}`, size: blob.length }
  }
  const layers = new Map<RootFiles, Descriptor>()
  const layer = (files: RootFiles): Descriptor => {
    const known = layers.get(files) ?? add('application/vnd.oci.image.layer.v1.tar', layerOf(files))
    layers.set(files, known)
    return known
  }
  const manifests = Object.entries(images).map(([name, content]) => {
    const its = content.layers.map(layer)
    const config = add('application/vnd.oci.image.config.v1+json', json(configOf(content, its)))
    const mediaType = 'application/vnd.oci.image.manifest.v1+json'
    const manifest = add(mediaType, json({ schemaVersion: 2, mediaType, config, layers: its }))
    return { ...manifest, annotations: { 'io.containerd.image.name': fullName(name) } }
  })
  const file = (path: string, bytes: Buffer): TarEntry => ({
    path,
    type: 'file',
    mode: 0o644,
    content: bytes,
  })
  const entries = [
    file('oci-layout', json({ imageLayoutVersion: '1.0.0' })),
    file('index.json', json({ schemaVersion: 2, manifests })),
    ...[...blobs].map(([digest, blob]) => file(`blobs/sha256/${digest}`, blob)),
  ]
  writeFileSync(archive, tar(entries))
}

interface Descriptor {
  readonly mediaType: string
  readonly digest: string
  readonly size: number
}

function configOf(content: ImageContent, layers: readonly Descriptor[]): object {
  return {
    architecture: ARCHITECTURES[process.arch] ?? process.arch,
    os: 'linux',
    config: {
      Env: Object.entries({ PATH, ...content.env }).map(([key, value]) => `${key}=${value}`),
      Entrypoint: content.entrypoint,
      User: content.user,
      WorkingDir: content.workingDirectory ?? '/',
    },
    rootfs: { type: 'layers', diff_ids: layers.map(({ digest }) => digest) },
  }
}

/** What the kubelet asks containerd for when a pod says `weft-proxy:1`. */
function fullName(name: string): string {
  const [first = ''] = name.split('/')
  if (name === first) return `docker.io/library/${name}`
  return /[.:]/.test(first) ? name : `docker.io/${name}`
}

function json(value: unknown): Buffer {
  return Buffer.from(JSON.stringify(value))
}
