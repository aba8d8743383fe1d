import { createHash } from 'node:crypto'
import { gzipSync } from 'node:zlib'
import { layerOf, type RootFiles } from './root-files.ts'

// OCI image specification 1.1: descriptor.md, manifest.md, config.md, image-index.md, image-layout.md.

const PATH = '/usr/local/bin:/usr/local/sbin:/usr/bin:/usr/sbin:/bin:/sbin'
const MANIFEST = 'application/vnd.oci.image.manifest.v1+json'
const INDEX = 'application/vnd.oci.image.index.v1+json'
const CONFIG = 'application/vnd.oci.image.config.v1+json'
const LAYER = 'application/vnd.oci.image.layer.v1.tar'

/** What an image has in it, and how it starts. */
export interface ImageContent {
  /** A layer each, lower ones first: what images share is stored once. */
  readonly layers: readonly RootFiles[]
  readonly entrypoint?: readonly string[]
  readonly env?: Readonly<Record<string, string>>
  /** `uid` or `uid:gid`. */
  readonly user?: string
  readonly workingDirectory?: string
  readonly labels?: Readonly<Record<string, string>>
  /** TCP ports that it says it listens on. */
  readonly ports?: readonly string[]
}

export interface Descriptor {
  readonly mediaType: string
  readonly digest: string
  readonly size: number
  readonly platform?: Platform
  readonly annotations?: Readonly<Record<string, string>>
}

export interface Platform {
  readonly architecture: string
  readonly os: 'linux'
}

export interface BlobsOptions {
  /** Of all files and of the images themselves, in seconds since 1970. */
  readonly seconds?: number
  /** Layers are compressed by gzip, whose head then says neither a name nor a time. */
  readonly compressed?: boolean
}

/** The blobs of images by digest. A layer that several images name as the same object is in it once. */
export class Blobs {
  readonly #byDigest = new Map<string, Buffer>()
  readonly #layers = new Map<RootFiles, { readonly descriptor: Descriptor; readonly diffId: string }>()
  readonly #options: BlobsOptions

  constructor(options: BlobsOptions = {}) {
    this.#options = options
  }

  add(mediaType: string, blob: Buffer): Descriptor {
    const digest = digestOf(blob)
    this.#byDigest.set(digest, blob)
    return { mediaType, digest, size: blob.length }
  }

  addJson(mediaType: string, value: object): Descriptor {
    return this.add(mediaType, Buffer.from(JSON.stringify(value)))
  }

  /** Throws Error for a digest that was not added. */
  get(digest: string): Buffer {
    const blob = this.#byDigest.get(digest)
    if (!blob) throw new Error(`there is no blob ${digest}`)
    return blob
  }

  /** An image for one platform. */
  addImage(content: ImageContent, platform: Platform): Descriptor {
    const layers = content.layers.map((files) => this.#layer(files))
    const { seconds } = this.#options
    const config = {
      ...(seconds === undefined ? {} : { created: timestamp(seconds) }),
      ...platform,
      config: {
        Env: Object.entries({ PATH, ...content.env }).map(([key, value]) => `${key}=${value}`),
        Entrypoint: content.entrypoint,
        User: content.user,
        WorkingDir: content.workingDirectory ?? '/',
        Labels: content.labels,
        ExposedPorts: content.ports && Object.fromEntries(content.ports.map((port) => [`${port}/tcp`, {}])),
      },
      rootfs: { type: 'layers', diff_ids: layers.map(({ diffId }) => diffId) },
    }
    return this.addManifest(
      this.addJson(CONFIG, config),
      layers.map(({ descriptor }) => descriptor),
      content.labels,
    )
  }

  addManifest(
    config: Descriptor,
    layers: readonly Descriptor[],
    annotations?: Readonly<Record<string, string>>,
  ): Descriptor {
    return this.addJson(MANIFEST, { schemaVersion: 2, mediaType: MANIFEST, config, layers, annotations })
  }

  /** One name for an image of several platforms: descriptors with `platform`. */
  addIndex(manifests: readonly Descriptor[], annotations?: Readonly<Record<string, string>>): Descriptor {
    return this.addJson(INDEX, { schemaVersion: 2, mediaType: INDEX, manifests, annotations })
  }

  #layer(files: RootFiles): { readonly descriptor: Descriptor; readonly diffId: string } {
    const known = this.#layers.get(files)
    if (known) return known
    const archive = layerOf(files, this.#options.seconds)
    const descriptor = this.#options.compressed
      ? this.add(`${LAYER}+gzip`, gzipSync(archive))
      : this.add(LAYER, archive)
    const made = { descriptor, diffId: digestOf(archive) }
    this.#layers.set(files, made)
    return made
  }

  /**
   * Files of an image layout (`index.json`, `oci-layout`, `blobs/sha256/...`) with these at its top and what they lead
   * to, by path.
   */
  layout(manifests: readonly Descriptor[]): ReadonlyMap<string, Buffer> {
    const files = new Map<string, Buffer>()
    files.set('oci-layout', Buffer.from(JSON.stringify({ imageLayoutVersion: '1.0.0' })))
    files.set('index.json', Buffer.from(JSON.stringify({ schemaVersion: 2, mediaType: INDEX, manifests })))
    const take = ({ digest, mediaType }: Descriptor): void => {
      const blob = this.get(digest)
      files.set(`blobs/${digest.replace(':', '/')}`, blob)
      if (mediaType !== INDEX && mediaType !== MANIFEST) return
      const inner = JSON.parse(blob.toString()) as Inner
      for (const one of [...(inner.manifests ?? []), ...(inner.layers ?? [])]) take(one)
      if (inner.config) take(inner.config)
    }
    for (const one of manifests) take(one)
    return files
  }
}

interface Inner {
  readonly manifests?: readonly Descriptor[]
  readonly layers?: readonly Descriptor[]
  readonly config?: Descriptor
}

/** RFC 3339, as `created` of images and annotations has it. */
export function timestamp(seconds: number): string {
  return new Date(seconds * 1000).toISOString().replace('.000Z', 'Z')
}

function digestOf(blob: Buffer): string {
  return `sha256:${createHash('sha256').update(blob).digest('hex')}`
}
