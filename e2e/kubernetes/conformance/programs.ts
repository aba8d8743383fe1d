import { cpSync } from 'node:fs'
import { join } from 'node:path'
import { isCached } from '../../programs/cache.ts'
import { buildGo, fetchGoModule } from '../../programs/go-module.ts'
import { makePart, type Part } from '../../programs/part.ts'
import type { Progress } from '../../programs/progress.ts'
import { GATEWAY_API_MODULE } from '../programs/gateway-api.ts'

/** The release of Gateway API whose suite, manifests and CRDs are taken. */
export const SUITE_VERSION = 'v1.6.3'
/** Istio has no tags that Go takes for versions: this commit of August 2026. */
const ECHO_VERSION = 'v0.0.0-20260827124520-eed52ebb66ad'

const SUITE_MODULE = `${GATEWAY_API_MODULE}/conformance`
const ECHO_MODULE = 'istio.io/istio'

/** What lies in the folder of the suite. */
export const SUITE_PROGRAM = 'conformance.test'
export const SUITE_CRDS = 'experimental'
export const SUITE_MANIFESTS = 'manifests.yaml'

const PARTS = {
  'conformance-suite': { folder: `gateway-api-conformance-${SUITE_VERSION}`, make: makeSuite },
  'conformance-echo': {
    folder: `istio-echo-${ECHO_VERSION}`,
    make: (folder, progress) =>
      buildGo(
        {
          module: ECHO_MODULE,
          version: ECHO_VERSION,
          packages: {
            [`${ECHO_MODULE}/pkg/test/echo/cmd/client`]: 'client',
            [`${ECHO_MODULE}/pkg/test/echo/cmd/server`]: 'server',
          },
        },
        folder,
        progress,
      ),
  },
} satisfies Record<string, Part>

export type ConformancePart = keyof typeof PARTS
export const CONFORMANCE_PARTS = Object.keys(PARTS) as ConformancePart[]

/** Makes the part if it is not in the cache. Its folder. Throws WeftError `programs.lack` that says what is missing. */
export function ensureConformance(name: ConformancePart, progress: Progress): Promise<string> {
  return makePart(PARTS[name], progress)
}

/** Whether all of a part is in the cache already. */
export function isConformanceMade(name: ConformancePart): boolean {
  return isCached(PARTS[name].folder)
}

/** The suite as a program, with the CRDs and the manifests of its release. */
async function makeSuite(folder: string, progress: Progress): Promise<Record<string, string>> {
  const made = await buildGo(
    {
      module: SUITE_MODULE,
      version: SUITE_VERSION,
      packages: {},
      tests: { [SUITE_MODULE]: SUITE_PROGRAM },
      beside: { [GATEWAY_API_MODULE]: SUITE_VERSION },
    },
    folder,
    progress,
  )
  const [suite, api] = await Promise.all([
    fetchGoModule(SUITE_MODULE, SUITE_VERSION),
    fetchGoModule(GATEWAY_API_MODULE, SUITE_VERSION),
  ])
  cpSync(join(suite.Dir, 'mesh', 'manifests.yaml'), join(folder, SUITE_MANIFESTS))
  // kubectl takes the whole folder, and a kustomization is no object.
  cpSync(join(api.Dir, 'config', 'crd', 'experimental'), join(folder, SUITE_CRDS), {
    recursive: true,
    filter: (path) => !path.endsWith('kustomization.yaml'),
  })
  return { ...made, crds: api.Sum }
}
