import { writeFileSync } from 'node:fs'
import { ARCHITECTURES } from '../../../../release/image/architecture.ts'
import { Blobs, type ImageContent } from '../../../../release/image/oci-image.ts'
import { tar } from '../../../../release/image/tar.ts'

/** Name with registry and tag, as pods write it (`weft.local/NAME:1`) -> what is in it. */
export type Images = Readonly<Record<string, ImageContent>>

/**
 * Writes an archive in the OCI image layout (image-layout.md, with `manifest.json` left away: `ctr images import` reads
 * `index.json`). A layer that several images name as the same object is in it once.
 */
export function writeImages(archive: string, images: Images): void {
  const architecture = ARCHITECTURES.find(({ node }) => node === process.arch)?.name ?? process.arch
  const blobs = new Blobs()
  const manifests = Object.entries(images).map(([name, content]) => ({
    ...blobs.addImage(content, { architecture, os: 'linux' }),
    annotations: { 'io.containerd.image.name': fullName(name) },
  }))
  const files = [...blobs.layout(manifests)]
  writeFileSync(archive, tar(files.map(([path, content]) => ({ path, type: 'file', mode: 0o644, content }))))
}

/** What the kubelet asks containerd for when a pod says `weft-proxy:1`. */
function fullName(name: string): string {
  const [first = ''] = name.split('/')
  if (name === first) return `docker.io/library/${name}`
  return /[.:]/.test(first) ? name : `docker.io/${name}`
}
