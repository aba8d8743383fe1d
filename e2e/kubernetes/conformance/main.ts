import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { FlagError } from '../../../local/flags.ts'
import { runSuiteProgram } from '../../programs/suite-program.ts'
import { within } from '../../programs/within.ts'
import { NAMESPACE } from '../chart/helm.ts'
import { startCluster } from '../cluster/cluster.ts'
import { requireMachine } from '../cluster/machine-lacks.ts'
import { VERSION } from '../mesh/images.ts'
import { installMesh } from '../mesh/install.ts'
import { ensurePrograms, isMade, PART_NAMES } from '../programs/programs.ts'
import { echoImage } from './echo-image.ts'
import { HELP, parseOptions } from './options.ts'
import { CONFORMANCE_PARTS, ensureConformance, isConformanceMade, SUITE_CRDS } from './programs.ts'
import { meshTests, problemsOf, reportProblems } from './report.ts'
import { logFile, runSuite, type SuiteRun } from './suite.ts'

const began = performance.now()
const secondsSoFar = (): number => (performance.now() - began) / 1000
const progress = (line: string): void =>
  console.error(`conformance: ${secondsSoFar().toFixed(1).padStart(5)} s  ${line}`)

/** For each thing that is done with the cluster beside the suite, which has a limit of its own; minutes. */
const CLUSTER_MINUTES = 10

async function main(argv: readonly string[]): Promise<number> {
  const options = parseOptions(argv)
  if (options.help) {
    console.log(HELP)
    return 0
  }
  if (options.check) {
    for (const part of PART_NAMES) console.log(`${part}: ${isMade(part) ? 'there' : 'not made'}`)
    for (const part of CONFORMANCE_PARTS)
      console.log(`${part}: ${isConformanceMade(part) ? 'there' : 'not made'}`)
    return PART_NAMES.every(isMade) && CONFORMANCE_PARTS.every(isConformanceMade) ? 0 : 3
  }
  if (options.report !== undefined && !existsSync(dirname(options.report)))
    throw new FlagError(`--report: there is no folder ${dirname(options.report)}`)
  await requireMachine(progress)
  await ensurePrograms(PART_NAMES, progress)
  const suite = await ensureConformance('conformance-suite', progress)
  const echo = await ensureConformance('conformance-echo', progress)
  const work = mkdtempSync(join(tmpdir(), 'weft-conformance-'))
  const run = await runOnCluster(suite, echo, work).catch((error: unknown) => {
    progress(`what the suite said, if it began, is in ${logFile(work)}`)
    throw error
  })
  if (options.report !== undefined) writeFileSync(options.report, run.reportText)
  const tests = meshTests(run.tests)
  const problems = [...problemsOf(run.tests), ...reportProblems(run.report)]
  for (const problem of problems) progress(problem)
  if (problems.length > 0) progress(`what the suite said is in ${logFile(work)}`)
  else rmSync(work, { recursive: true })
  const { gatewayAPIVersion: version, gatewayAPIChannel: channel } = run.report
  const seconds = Math.round(secondsSoFar() * 10) / 10
  const passed = tests.filter(({ result }) => result === 'passed').length
  if (options.json)
    console.log(
      JSON.stringify({
        ...{ ok: problems.length === 0, version, channel, seconds, problems, tests },
        report: run.report,
      }),
    )
  else
    console.log(
      `Gateway API ${version} (${channel}): ${passed} of ${tests.length} tests for a mesh passed in ${seconds} s`,
    )
  return problems.length === 0 ? 0 : 1
}

async function runOnCluster(suite: string, echo: string, work: string): Promise<SuiteRun> {
  const starting = startCluster({ mode: 'node', onProgress: progress })
  const cluster = await within(CLUSTER_MINUTES, 'the start of the cluster', starting)
  try {
    const installing = installMesh(cluster, progress, {}, NAMESPACE, join(suite, SUITE_CRDS))
    await within(CLUSTER_MINUTES, 'the installation of the mesh', installing)
    await within(CLUSTER_MINUTES, 'the loading of an image', cluster.loadImages(echoImage(suite, echo)))
    progress('the suite begins')
    return await runSuite({
      suite,
      kubeconfig: cluster.kubeconfig,
      version: VERSION,
      work,
      onResult: ({ name, result, seconds }) => {
        if (name.startsWith('Mesh') || result === 'failed') progress(`${name} ${result} (${seconds} s)`)
      },
    })
  } finally {
    await within(CLUSTER_MINUTES, 'the end of the cluster', cluster.stop())
  }
}

runSuiteProgram('conformance', main)
