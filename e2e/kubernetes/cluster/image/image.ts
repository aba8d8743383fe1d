import { createHash } from 'node:crypto'
import { writeFileSync } from 'node:fs'
import { layerOf, type RootFiles } from './root-files.ts'
import { tar, type TarEntry } from './tar.ts'

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

/**
 * Writes an archive in the OCI image layout (image-layout.md, with `manifest.json` left away: `ctr images import` reads
 * `index.json`). `name` with registry and tag: `weft.local/NAME:1`.
 */
export function writeImage(archive: string, name: string, content: ImageContent): void {
  const blobs = new Map<string, Buffer>()
  const add = (mediaType: string, blob: Buffer) => {
    const digest = createHash('sha256').update(blob).digest('hex')
    blobs.set(digest, blob)
    return { mediaType, digest: `sha256:${digest}`, size: blob.length }
  }
  const json = (value: unknown) => Buffer.from(JSON.stringify(value))
  const layers = content.layers.map((files) => add('application/vnd.oci.image.layer.v1.tar', layerOf(files)))
  const config = add(
    'application/vnd.oci.image.config.v1+json',
    json({
      architecture: ARCHITECTURES[process.arch] ?? process.arch,
      os: 'linux',
      config: {
        Env: Object.entries({ PATH, ...content.env }).map(([key, value]) => `${key}=${value}`),
        Entrypoint: content.entrypoint,
        User: content.user,
        WorkingDir: content.workingDirectory ?? '/',
      },
      rootfs: { type: 'layers', diff_ids: layers.map(({ digest }) => digest) },
    }),
  )
  const mediaType = 'application/vnd.oci.image.manifest.v1+json'
  const manifest = add(mediaType, json({ schemaVersion: 2, mediaType, config, layers }))
  const annotations = { 'io.containerd.image.name': name }
  const file = (path: string, bytes: Buffer): TarEntry => ({
    path,
    type: 'file',
    mode: 0o644,
    content: bytes,
  })
  const entries = [
    file('oci-layout', json({ imageLayoutVersion: '1.0.0' })),
    file('index.json', json({ schemaVersion: 2, manifests: [{ ...manifest, annotations }] })),
    ...[...blobs].map(([digest, blob]) => file(`blobs/sha256/${digest}`, blob)),
  ]
  writeFileSync(archive, tar(entries))
}
