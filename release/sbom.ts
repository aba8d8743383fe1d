import { createHash } from 'node:crypto'
import { mustRun } from '../local/node/run-command.ts'
import type { DebianPackage } from './debian.ts'
import { timestamp } from './image/oci-image.ts'

interface CycloneDx {
  serialNumber: string
  metadata: { timestamp: string; component: { name: string } }
  components: object[]
}

/**
 * The bill of materials of a release in CycloneDX: what `npm sbom` finds in the bundles, Node.js, and the packages of Debian
 * that images have files of. The same for the same materials: npm's own time and number are not.
 */
export async function billOfMaterials(
  node: string,
  debian: { readonly suite: string; readonly packages: readonly DebianPackage[] },
  seconds: number,
): Promise<string> {
  const argv = [
    'npm',
    'sbom',
    '--omit=dev',
    '--omit=optional',
    '--sbom-format=cyclonedx',
    '--sbom-type=application',
    '--package-lock-only',
  ]
  const bill = JSON.parse(await mustRun(argv)) as CycloneDx
  bill.metadata.timestamp = timestamp(seconds)
  // npm takes the name of the folder.
  bill.metadata.component.name = 'weft'
  const purl = (one: DebianPackage) =>
    `pkg:deb/debian/${encodeURIComponent(one.name)}@${encodeURIComponent(one.version)}?arch=${one.architecture}&distro=${debian.suite}`
  const nodePurl = `pkg:generic/node@${node}`
  bill.components.push(
    { 'bom-ref': nodePurl, type: 'platform', name: 'node', version: node, purl: nodePurl },
    ...debian.packages.map((one) => ({
      'bom-ref': purl(one),
      type: 'library',
      name: one.name,
      version: one.version,
      purl: purl(one),
    })),
  )
  bill.serialNumber = `urn:uuid:${nameBased(JSON.stringify(bill.components))}`
  return `${JSON.stringify(bill, undefined, 2)}\n`
}

/** A UUID of version 8 (RFC 9562, section 5.8) of a text. */
function nameBased(text: string): string {
  const hash = createHash('sha256').update(text).digest('hex')
  return [
    hash.slice(0, 8),
    hash.slice(8, 12),
    `8${hash.slice(13, 16)}`,
    `8${hash.slice(17, 20)}`,
    hash.slice(20, 32),
  ].join('-')
}
