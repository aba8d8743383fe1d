import { createHash } from 'node:crypto'
import { mustRun } from '../local/node/run-command.ts'
import type { DebianPackage } from './debian.ts'
import { lockedPackages } from './npm-package.ts'
import { timestamp } from './image/oci-image.ts'

interface CycloneDx {
  serialNumber: string
  metadata: { timestamp: string; component: { 'bom-ref': string; name: string } }
  components: Component[]
  dependencies: { ref: string; dependsOn: string[] }[]
}

interface Component {
  readonly 'bom-ref': string
  readonly type: string
  readonly name: string
  readonly version: string
  readonly purl: string
}

/** Native packages of npm for other systems than the images'. */
const ELSEWHERE = /-(?:android|darwin|freebsd|openbsd|win32)-|-linux-(?!x64$|arm64$)[a-z\d]+$/

/**
 * The bill of materials of a release in CycloneDX: what `npm sbom` finds in the bundles, Node.js, and the packages of Debian
 * that images have files of. The same for the same materials: npm's own time and number are not.
 */
export async function billOfMaterials(
  node: string,
  debian: { readonly suite: string; readonly packages: readonly DebianPackage[] },
  seconds: number,
): Promise<string> {
  const argv = ['npm', 'sbom', '--sbom-format=cyclonedx', '--sbom-type=application', '--package-lock-only']
  const bill = keptOf(JSON.parse(await mustRun(argv)) as CycloneDx)
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

/**
 * Without what only development has, by the lock file: `npm sbom` takes what both have for development's. Node.js stands in the bill by
 * its own name, instead of by the packages that bring it.
 */
function keptOf(bill: CycloneDx): CycloneDx {
  const ours = new Set(
    Object.entries(lockedPackages())
      .filter(([, { dev }]) => !dev)
      .map(([path, { version }]) => `${path.slice(path.lastIndexOf('node_modules/') + 13)}@${version}`),
  )
  const components = bill.components.filter(
    ({ name, 'bom-ref': ref }) =>
      ours.has(ref) && !ELSEWHERE.test(name) && !/^node-(linux|darwin|bin)-/.test(name),
  )
  const refs = new Set([bill.metadata.component['bom-ref'], ...components.map((one) => one['bom-ref'])])
  const dependencies = bill.dependencies
    .filter(({ ref }) => refs.has(ref))
    .map(({ ref, dependsOn }) => ({ ref, dependsOn: dependsOn.filter((one) => refs.has(one)) }))
  return { ...bill, components, dependencies }
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
