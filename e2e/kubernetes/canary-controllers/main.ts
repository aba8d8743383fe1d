import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describeError, WeftError } from '../../../core/errors.ts'
import { programFiles } from '../../../release/image/root-files.ts'
import { reportTable } from '../../demo/report.ts'
import { play, type StepResult } from '../../demo/scenario.ts'
import { LACK } from '../../programs/lack.ts'
import { startCluster, type KubernetesCluster } from '../cluster/cluster.ts'
import { requireMachine } from '../cluster/machine-lacks.ts'
import { installMesh } from '../mesh/install.ts'
import { ensurePrograms, isMade, PART_NAMES } from '../programs/programs.ts'
import { argoRollouts } from './argo-rollouts.ts'
import type { Controller } from './controller.ts'
import { flagger } from './flagger.ts'
import { helpText, parseOptions, type Options } from './options.ts'
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

async function main(options: Options): Promise<number> {
  const chosen = CONTROLLERS.filter(({ name }) => options.controllers.includes(name))
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
  const cluster = await startCluster({ mode: 'node', onProgress: progress })
  try {
    await installMesh(cluster, progress)
    await installPrometheus(cluster, folder('prometheus'))
    const played: Played[] = []
    for (const controller of chosen) {
      const { name, version, part, steps } = controller
      await controller.install(cluster, folder(part), progress)
      progress(`${name} is ready`)
      const results = await play(steps, cluster, (step) => progress(`${name}: ${step}`))
      for (const step of results.filter(({ ok }) => !ok)) progress(`${name}: ${step.name}: ${step.observed}`)
      played.push({ name, version, steps: results })
    }
    return played
  } finally {
    await cluster.stop()
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

function exitCode(error: unknown): number {
  if (!(error instanceof WeftError)) return 1
  if (error.code === LACK || error.code === 'program.missing') return 3
  return error.code === 'cli.flags' ? 2 : 1
}

async function run(argv: readonly string[]): Promise<number> {
  const options = parseOptions(
    argv,
    CONTROLLERS.map(({ name }) => name),
  )
  if (!options.help) return main(options)
  console.log(helpText(CONTROLLERS))
  return 0
}

run(process.argv.slice(2)).then(
  (code) => process.exit(code),
  (error: unknown) => {
    console.error(`canary-controllers: ${describeError(error)}`)
    process.exit(exitCode(error))
  },
)
