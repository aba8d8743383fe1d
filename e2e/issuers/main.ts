import { reportTable } from '../demo/report.ts'
import type { StepResult } from '../demo/scenario.ts'
import { requireMachine } from '../kubernetes/cluster/machine-lacks.ts'
import { ensurePrograms, isMade } from '../kubernetes/programs/programs.ts'
import { parsePartOptions } from '../programs/suite-options.ts'
import { runSuiteProgram } from '../programs/suite-program.ts'
import { within } from '../programs/within.ts'
import { helpText } from './options.ts'
import { ensureIssuer, isIssuerMade } from './programs.ts'
import { certManagerTrial } from './cert-manager-steps.ts'
import { spireTrial } from './spire-steps.ts'
import type { Trial } from './trial.ts'
import { vaultTrial } from './vault-steps.ts'

const TRIALS: readonly Trial[] = [spireTrial, vaultTrial, certManagerTrial]

const began = performance.now()
const secondsSoFar = (): number => (performance.now() - began) / 1000
const progress = (line: string): void =>
  console.error(`issuers: ${secondsSoFar().toFixed(1).padStart(5)} s  ${line}`)

interface Played {
  readonly name: string
  readonly version: string
  readonly steps: readonly StepResult[]
}

/** For one issuer, from its start to its end; minutes. They take one or two. */
const TRIAL_MINUTES = 15

async function main(argv: readonly string[]): Promise<number> {
  const options = parsePartOptions(
    argv,
    'issuer',
    TRIALS.map(({ name }) => name),
  )
  if (options.help) {
    console.log(helpText(TRIALS))
    return 0
  }
  const chosen = TRIALS.filter(({ name }) => options.chosen.includes(name))
  const clusterParts = [...new Set(chosen.flatMap((trial) => trial.clusterParts))]
  if (options.check) {
    for (const part of clusterParts) console.log(`${part}: ${isMade(part) ? 'there' : 'not made'}`)
    for (const { part } of chosen) console.log(`${part}: ${isIssuerMade(part) ? 'there' : 'not made'}`)
    return clusterParts.every(isMade) && chosen.every(({ part }) => isIssuerMade(part)) ? 0 : 3
  }
  if (clusterParts.length > 0) {
    await requireMachine(progress)
    await ensurePrograms(clusterParts, progress)
  }
  const issuers: Played[] = []
  for (const trial of chosen) {
    const { name, version } = trial
    const folder = await ensureIssuer(trial.part, progress)
    const playing = trial.play(folder, (line) => progress(`${name}: ${line}`))
    const steps = await within(TRIAL_MINUTES, name, playing)
    for (const step of steps.filter(({ ok }) => !ok)) progress(`${name}: ${step.name}: ${step.observed}`)
    issuers.push({ name, version, steps })
  }
  const seconds = Math.round(secondsSoFar() * 10) / 10
  const ok = issuers.every(({ steps }) => steps.every((step) => step.ok))
  if (options.json) console.log(JSON.stringify({ ok, seconds, issuers }))
  else
    for (const { name, version, steps } of issuers)
      console.log(
        `${name} ${version}\n\n${reportTable({ ok: steps.every((one) => one.ok), seconds, steps })}\n`,
      )
  return ok ? 0 : 1
}

runSuiteProgram('test:issuers', main)
