import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { programFiles } from '../../../release/image/root-files.ts'
import { reportTable } from '../../demo/report.ts'
import { play, type StepResult } from '../../demo/scenario.ts'
import { parsePartOptions } from '../../programs/suite-options.ts'
import { runSuiteProgram } from '../../programs/suite-program.ts'
import { within } from '../../programs/within.ts'
import { startCluster, type KubernetesCluster } from '../cluster/cluster.ts'
import { requireMachine } from '../cluster/machine-lacks.ts'
import { installMesh } from '../mesh/install.ts'
import { ensurePrograms, isMade, PART_NAMES } from '../programs/programs.ts'
import { argoRollouts } from './argo-rollouts.ts'
import type { Controller } from './controller.ts'
import { flagger } from './flagger.ts'
import { helpText } from './options.ts'
import { prometheusProgram } from '../../programs/prometheus.ts'
import { ensureController, isControllerMade, type ControllerPart } from './programs.ts'

const CONTROLLERS: readonly Controller[] = [flagger, argoRollouts]
const PROMETHEUS_MANIFEST = join(import.meta.dirname, 'manifests/prometheus.yaml')
const PROMETHEUS_IMAGE = 'weft.local/prometheus:1'

const began = performance.now()
const secondsSoFar = (): number => (performance.now() - began) / 1000
const progress = (line: string): void =>
  console.error(`canary-controllers: ${secondsSoFar().toFixed(1).padStart(5)} s  ${line}`)

interface Played {
  readonly name: string
  readonly version: string
  readonly steps: readonly StepResult[]
}

/** For each thing that is done with the cluster and is no step; minutes. */
const CLUSTER_MINUTES = 10

async function main(argv: readonly string[]): Promise<number> {
  const options = parsePartOptions(
    argv,
    'controller',
    CONTROLLERS.map(({ name }) => name),
  )
  if (options.help) {
    console.log(helpText(CONTROLLERS))
    return 0
  }
  const chosen = CONTROLLERS.filter(({ name }) => options.chosen.includes(name))
  const parts: readonly ControllerPart[] = ['prometheus', ...chosen.map(({ part }) => part)]
  if (options.check) {
    for (const part of PART_NAMES) console.log(`${part}: ${isMade(part) ? 'there' : 'not made'}`)
    for (const part of parts) console.log(`${part}: ${isControllerMade(part) ? 'there' : 'not made'}`)
    return PART_NAMES.every(isMade) && parts.every(isControllerMade) ? 0 : 3
  }
  await requireMachine(progress)
  await ensurePrograms(PART_NAMES, progress)
  const folders = new Map<ControllerPart, string>()
  for (const part of parts) folders.set(part, await ensureController(part, progress))
  const controllers = await onCluster(chosen, (part) => folders.get(part) as string)
  const seconds = Math.round(secondsSoFar() * 10) / 10
  const ok = controllers.every(({ steps }) => steps.every((step) => step.ok))
  if (options.json) console.log(JSON.stringify({ ok, seconds, controllers }))
  else
    for (const { name, version, steps } of controllers)
      console.log(
        `${name} ${version}\n\n${reportTable({ ok: steps.every((one) => one.ok), seconds, steps })}\n`,
      )
  return ok ? 0 : 1
}

async function onCluster(
  chosen: readonly Controller[],
  folder: (part: ControllerPart) => string,
): Promise<Played[]> {
  const starting = startCluster({ mode: 'node', onProgress: progress })
  const cluster = await within(CLUSTER_MINUTES, 'the start of the cluster', starting)
  try {
    await within(CLUSTER_MINUTES, 'the installation of the mesh', installMesh(cluster, progress))
    const installing = installPrometheus(cluster, folder('prometheus'))
    await within(CLUSTER_MINUTES, 'the installation of Prometheus', installing)
    const played: Played[] = []
    for (const controller of chosen) {
      const { name, version, part, steps } = controller
      const installed = controller.install(cluster, folder(part), progress)
      await within(CLUSTER_MINUTES, `the installation of ${name}`, installed)
      progress(`${name} is ready`)
      const results = await play(steps, cluster, (step) => progress(`${name}: ${step}`))
      for (const step of results.filter(({ ok }) => !ok)) progress(`${name}: ${step.name}: ${step.observed}`)
      played.push({ name, version, steps: results })
    }
    return played
  } finally {
    await within(CLUSTER_MINUTES, 'the end of the cluster', cluster.stop())
  }
}

async function installPrometheus(cluster: KubernetesCluster, folder: string): Promise<void> {
  const program = '/usr/bin/prometheus'
  await cluster.loadImages({
    [PROMETHEUS_IMAGE]: {
      layers: [programFiles(program, prometheusProgram(folder))],
      entrypoint: [program],
    },
  })
  await cluster.kubectl(['apply', '--filename', '-'], { stdin: readFileSync(PROMETHEUS_MANIFEST, 'utf8') })
  await cluster.kubectl([
    ...['rollout', 'status', '--namespace', 'monitoring', 'deployment/prometheus', '--timeout=120s'],
  ])
  progress('Prometheus is ready')
}

runSuiteProgram('canary-controllers', main)
