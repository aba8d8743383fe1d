import { createHash } from 'node:crypto'
import { cpSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { isCached } from '../../programs/cache.ts'
import { buildGo, fetchGoModule } from '../../programs/go-module.ts'
import { makePart, type Part } from '../../programs/part.ts'
import type { Progress } from '../../programs/progress.ts'
import { PROMETHEUS_PART } from '../../programs/prometheus.ts'

export const FLAGGER = 'v1.41.0'
export const ROLLOUTS = 'v1.10.1'

const FLAGGER_MODULE = 'github.com/fluxcd/flagger'
const ROLLOUTS_MODULE = 'github.com/argoproj/argo-rollouts'
const SOURCES = join(import.meta.dirname, 'go')
const PLUGIN_SOURCE = 'gateway-api/main.go'

/** What lies in the folders, beside programs: Flagger's chart and the manifest that Argo Rollouts is installed with. */
export const FLAGGER_CHART = 'chart'
export const ROLLOUTS_MANIFEST = 'install.yaml'

const PARTS = {
  prometheus: PROMETHEUS_PART,
  flagger: { folder: `flagger-${FLAGGER}`, make: makeFlagger },
  'argo-rollouts': { folder: `argo-rollouts-${ROLLOUTS}-${pluginHash()}`, make: makeRollouts },
} satisfies Record<string, Part>

export type ControllerPart = keyof typeof PARTS

/** Makes the part if it is not in the cache. Its folder. Throws WeftError `programs.lack` that says what is missing. */
export function ensureController(name: ControllerPart, progress: Progress): Promise<string> {
  return makePart(PARTS[name], progress)
}

/** Whether all of a part is in the cache already. */
export function isControllerMade(name: ControllerPart): boolean {
  return isCached(PARTS[name].folder)
}

async function makeFlagger(folder: string, progress: Progress): Promise<Record<string, string>> {
  const made = await buildGo(
    { module: FLAGGER_MODULE, version: FLAGGER, packages: { [`${FLAGGER_MODULE}/cmd/flagger`]: 'flagger' } },
    folder,
    progress,
  )
  const { Dir } = await fetchGoModule(FLAGGER_MODULE, FLAGGER)
  cpSync(join(Dir, 'charts', 'flagger'), join(folder, FLAGGER_CHART), { recursive: true })
  return made
}

/** The controller, and a plugin of ours for it. */
async function makeRollouts(folder: string, progress: Progress): Promise<Record<string, string>> {
  const made = await buildGo(
    {
      module: ROLLOUTS_MODULE,
      version: ROLLOUTS,
      packages: {
        [`${ROLLOUTS_MODULE}/cmd/rollouts-controller`]: 'rollouts-controller',
        './gateway-api': 'gateway-api',
      },
      sources: SOURCES,
    },
    folder,
    progress,
  )
  const { Dir } = await fetchGoModule(ROLLOUTS_MODULE, ROLLOUTS)
  cpSync(join(Dir, 'manifests', ROLLOUTS_MANIFEST), join(folder, ROLLOUTS_MANIFEST))
  return made
}

/** Another source is another plugin. */
function pluginHash(): string {
  return createHash('sha256')
    .update(readFileSync(join(SOURCES, PLUGIN_SOURCE)))
    .digest('hex')
    .slice(0, 12)
}
