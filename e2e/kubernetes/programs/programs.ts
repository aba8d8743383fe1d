import { accessSync, constants } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { cacheDirectory, isCached } from '../../programs/cache.ts'
import { unpackDebian } from './debian.ts'
import { CRDS, fetchGatewayApi } from './gateway-api.ts'
import { buildGo } from '../../programs/go-module.ts'
import { makePart, type Part } from '../../programs/part.ts'
import type { Progress } from '../../programs/progress.ts'
import { COREDNS, GATEWAY_API, HELM, KUBERNETES } from './versions.ts'

/** With the names of the programs in it. */
interface ClusterPart extends Part {
  readonly programs: readonly string[]
}

const KUBERNETES_PROGRAMS = [
  'kube-apiserver',
  'kube-controller-manager',
  'kube-proxy',
  'kube-scheduler',
  'kubectl',
  'kubelet',
] as const

const PARTS = {
  kubernetes: {
    folder: `kubernetes-${KUBERNETES}`,
    programs: KUBERNETES_PROGRAMS,
    make: (folder, progress) =>
      buildGo(
        {
          module: 'k8s.io/kubernetes',
          version: KUBERNETES,
          packages: Object.fromEntries(
            KUBERNETES_PROGRAMS.map((name) => [`k8s.io/kubernetes/cmd/${name}`, name]),
          ),
          ldflags: `-X k8s.io/component-base/version.gitVersion=${KUBERNETES}`,
          staging: true,
        },
        folder,
        progress,
      ),
  },
  coredns: {
    folder: `coredns-${COREDNS}`,
    programs: ['coredns', 'pause'],
    make: (folder, progress) =>
      buildGo(
        {
          module: 'github.com/coredns/coredns',
          version: COREDNS,
          packages: { './coredns': 'coredns', './pause': 'pause' },
          sources: fileURLToPath(new URL('go', import.meta.url)),
        },
        folder,
        progress,
      ),
  },
  helm: {
    folder: `helm-${HELM}`,
    programs: ['helm'],
    make: (folder, progress) =>
      buildGo(
        {
          module: 'helm.sh/helm/v3',
          version: HELM,
          packages: { 'helm.sh/helm/v3/cmd/helm': 'helm' },
          ldflags: `-X helm.sh/helm/v3/internal/version.version=${HELM}`,
        },
        folder,
        progress,
      ),
  },
  debian: {
    folder: `kubernetes-debian-${KUBERNETES}`,
    programs: [
      'etcd',
      'etcdctl',
      'containerd',
      'containerd-shim-runc-v2',
      'ctr',
      'runc',
      'ptp',
      'host-local',
      'portmap',
      'loopback',
    ],
    make: unpackDebian,
  },
  'gateway-api': { folder: `gateway-api-crds-${GATEWAY_API}`, programs: [], make: fetchGatewayApi },
} satisfies Record<string, ClusterPart>

export type PartName = keyof typeof PARTS
export const PART_NAMES = Object.keys(PARTS) as PartName[]

/** What `startCluster({mode: 'api'})` needs, and all of it. */
export const API_PARTS: readonly PartName[] = ['debian', 'kubernetes', 'gateway-api']
export const NODE_PARTS: readonly PartName[] = [...API_PARTS, 'coredns']

/** Folders with programs, to look through in their order. */
export interface Programs {
  readonly directories: readonly string[]
  /** Absolute path of a program. */
  path(program: string): string
  /** Folder of Gateway API's CRDs and nothing else: kubectl takes it whole. */
  readonly gatewayApi: string
}

/**
 * Makes what is missing in the cache (the first time it takes many minutes) and gives the programs. Those in
 * `KUBEBUILDER_ASSETS` come first, and nothing is built of which they are all. Throws WeftError `programs.lack` that
 * says what cannot be had here.
 */
export async function ensurePrograms(
  names: readonly PartName[],
  progress: Progress,
  env: NodeJS.ProcessEnv = process.env,
): Promise<Programs> {
  const assets = env['KUBEBUILDER_ASSETS'] || undefined
  const directories = assets === undefined ? [] : [assets]
  for (const name of names) {
    const part: ClusterPart = PARTS[name]
    const { programs } = part
    const brought =
      assets !== undefined && programs.length > 0 && programs.every((one) => runs(join(assets, one)))
    if (!brought) directories.push(await makePart(part, progress))
  }
  return {
    directories,
    path(program) {
      const found = directories.map((directory) => join(directory, program)).find(runs)
      if (found === undefined) throw new Error(`no program ${program} in ${directories.join(', ')}`)
      return found
    },
    gatewayApi: join(cacheDirectory(env), PARTS['gateway-api'].folder, CRDS),
  }
}

/** Whether all of a part is in the cache already. */
export function isMade(name: PartName): boolean {
  return isCached(PARTS[name].folder)
}

function runs(path: string): boolean {
  try {
    accessSync(path, constants.X_OK)
    return true
  } catch {
    return false
  }
}
