import { askControlPlanes } from '../mesh/control-planes.ts'
import { ok, someOf, unknown, warning, type Check } from './finding.ts'

/** By major version of Node.js: the release with the newest security fixes of its line that this build knows. */
const SAFE: Readonly<Record<number, string>> = { 26: '26.12.1' }

/** Sidecars that run on a Node.js without the newest security fixes of its line: their image is older than they are. */
export const runtime: Check = {
  name: 'Node.js',
  async run(session) {
    const replicas = await askControlPlanes(session)
    const silent = replicas.filter(({ error }) => error !== undefined)
    if (replicas.length > 0 && silent.length === replicas.length)
      return [unknown(`no control plane could be asked: ${silent[0]?.error ?? ''}`)]
    const known = replicas.flatMap(({ proxies }) => proxies).filter((proxy) => proxy.runtime !== '')
    const old = known.filter((proxy) => isOlder(proxy.runtime))
    if (old.length === 0) return [ok(`${known.length} sidecars on a Node.js with the newest fixes`)]
    const names = old.map((proxy) => `${proxy.namespace}/${proxy.pod} (${proxy.runtime})`)
    return [
      warning(
        `${old.length} on a Node.js without the security fixes of ${Object.values(SAFE).join(', ')}, ` +
          `restart them with a newer image: ${someOf(names)}`,
      ),
    ]
  },
}

/** Also a line that has no fixes any more. What can't be read counts as old. */
function isOlder(version: string): boolean {
  const [major = 0, minor = 0, patch = 0] = version.split('.').map(Number)
  const newest = Math.max(...Object.keys(SAFE).map(Number))
  if (major > newest) return false
  const [, safeMinor = 0, safePatch = 0] = (SAFE[major] ?? '').split('.').map(Number)
  if (SAFE[major] === undefined || Number.isNaN(minor) || Number.isNaN(patch)) return true
  return minor < safeMinor || (minor === safeMinor && patch < safePatch)
}
