import { reportTable, type DemoReport } from '../demo/report.ts'
import { play, type StepResult } from '../demo/scenario.ts'
import { parseSuiteOptions } from '../programs/suite-options.ts'
import { runSuiteProgram } from '../programs/suite-program.ts'
import { within } from '../programs/within.ts'
import { startBed } from './bed.ts'
import { collectorSteps } from './collector-steps.ts'
import { fileSteps } from './file-steps.ts'
import { jaegerSteps } from './jaeger-steps.ts'
import { HELP } from './options.ts'
import { ensureTelemetryPart, isTelemetryPartMade, TELEMETRY_PARTS, type TelemetryPart } from './programs.ts'
import { prometheusSteps, scrapes } from './prometheus-steps.ts'
import { sendAll, together, type Sent } from './traffic.ts'

const began = performance.now()
const secondsSoFar = (): number => Math.round(performance.now() - began) / 1000
const progress = (line: string): void =>
  console.error(`telemetry: ${secondsSoFar().toFixed(1).padStart(5)} s  ${line}`)

/** For each thing that is done with the mesh and is no step; minutes. */
const BED_MINUTES = 5

type Folders = Readonly<Record<TelemetryPart, string>>

async function main(argv: readonly string[]): Promise<number> {
  const options = parseSuiteOptions(argv)
  if (options.help) {
    console.log(HELP)
    return 0
  }
  if (options.check) {
    for (const part of TELEMETRY_PARTS)
      console.log(`${part}: ${isTelemetryPartMade(part) ? 'there' : 'not made'}`)
    return TELEMETRY_PARTS.every(isTelemetryPartMade) ? 0 : 3
  }
  const made: [TelemetryPart, string][] = []
  for (const part of TELEMETRY_PARTS) made.push([part, await ensureTelemetryPart(part, progress)])
  const folders = Object.fromEntries(made) as Folders
  const steps = [...(await play(fileSteps, folders, progress)), ...(await inMesh(folders))]
  const report: DemoReport = { ok: steps.every(({ ok }) => ok), seconds: secondsSoFar(), steps }
  console.log(options.json ? JSON.stringify(report) : reportTable(report))
  return report.ok ? 0 : 1
}

/** What is sent is sent twice: rates are of what grew between two scrapes. */
async function inMesh(folders: Folders): Promise<readonly StepResult[]> {
  const bed = await within(BED_MINUTES, 'the start of the mesh and its readers', startBed(folders, progress))
  try {
    const before = await play([scrapes], bed, progress)
    progress('sending')
    let sent: Sent = await within(BED_MINUTES, 'what is sent', sendAll(bed))
    const whatWasSent = () => sent
    const [counted] = prometheusSteps(whatWasSent, folders.prometheus)
    const first = await play(counted ? [counted] : [], bed, progress)
    sent = together(sent, await within(BED_MINUTES, 'what is sent again', sendAll(bed)))
    const all = [
      ...prometheusSteps(whatWasSent, folders.prometheus),
      ...collectorSteps(whatWasSent),
      ...jaegerSteps(whatWasSent),
    ]
    return [...before, ...first, ...(await play(all, bed, progress))]
  } finally {
    await within(BED_MINUTES, 'the end of the mesh and its readers', bed.close())
  }
}

runSuiteProgram('test:telemetry', main)
