import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { bundle, NODE_FLAGS } from '../cli/bundle.ts'
import { describeError, WeftError } from '../core/errors.ts'
import { ADMISSION_CASES } from './admission/measure.ts'
import { reportAdmission } from './admission/report.ts'
import { reportAgainst, reportStitch } from './against/report.ts'
import { Bed } from './bed.ts'
import { CASES, IDLE, STITCH, WITH_POLICIES, WITH_TELEMETRY } from './cases.ts'
import { measureIdle } from './idle.ts'
import { measureCase } from './measure-case.ts'
import { HELP, parseOptions, type Options } from './options.ts'
import { debianProgram } from '../e2e/programs/debian.ts'
import { installEnvoy } from '../e2e/programs/envoy.ts'
import { envoy } from './peers/envoy.ts'
import { haproxy } from './peers/haproxy.ts'
import { nginx } from './peers/nginx.ts'
import type { Peer } from './peers/peer.ts'
import { measurePolicies } from './policies/measure.ts'
import { weft } from './peers/weft.ts'
import { machineText } from './report/machine.ts'
import { writeDocument } from './report/document.ts'
import { headingText, rowText } from './report/table.ts'
import type { Row } from './result.ts'
import { measureTelemetry } from './told/measure.ts'
import { measureSidecar, SIDECAR } from './sidecar/measure.ts'

const PROJECT = fileURLToPath(new URL('..', import.meta.url))

const words = (text: string): string[] => text.split(' ').filter(Boolean)

/** What runs Weft's proxy, between Node.js and its flags. */
async function ownProgram({ weft: given }: Options): Promise<readonly string[]> {
  return given ? words(given) : [...NODE_FLAGS, (await bundle('proxy')).path]
}

/** What is there of the chosen peers, Weft first; what lacks is told and left out. */
async function findPeers(options: Options, own: readonly string[]): Promise<Peer[]> {
  const folder = join(PROJECT, '.cache/bench')
  mkdirSync(folder, { recursive: true })
  const install: Record<string, () => Peer> = {
    envoy: () => envoy(installEnvoy(folder)),
    nginx: () => nginx(debianProgram('nginx', folder)),
    haproxy: () => haproxy(debianProgram('haproxy', folder)),
  }
  const peers = [weft('weft', own)]
  if (options.other) peers.push(weft('other', words(options.other)))
  for (const name of options.peers) {
    try {
      peers.push((install[name] as () => Peer)())
    } catch (error) {
      console.error(`bench: without ${name}: ${describeError(error)}`)
    }
  }
  return peers
}

async function measure(
  options: Options,
  own: readonly string[],
  peers: readonly Peer[],
  tell: (row: Row) => void,
): Promise<Row[]> {
  const bed = await Bed.open()
  const rows: Row[] = []
  try {
    for (const what of CASES)
      if (options.cases.includes(what.name))
        rows.push(...(await measureCase(bed, what, peers, options, tell)))
    if (options.cases.includes(WITH_POLICIES.name))
      rows.push(...(await measurePolicies(bed, own, options, tell)))
    if (options.cases.includes(WITH_TELEMETRY.name))
      rows.push(...(await measureTelemetry(bed, PROJECT, own, options, tell)))
    if (options.cases.includes(IDLE)) rows.push(...(await measureIdle(bed, peers, tell)))
    if (options.cases.includes(SIDECAR))
      rows.push(...(await measureSidecar((await bundle('proxy')).path, tell)))
  } finally {
    bed.close()
  }
  return rows
}

async function main(argv: readonly string[]): Promise<number> {
  const options = parseOptions(argv)
  if (options === 'help') {
    console.log(HELP)
    return 0
  }
  const admission = ADMISSION_CASES.filter((name) => options.cases.includes(name))
  if (admission.length > 0) {
    if (admission.length < options.cases.length)
      throw new WeftError('bench.option', `${admission.join(' and ')} cannot be measured with others`, {
        field: '--case',
      })
    return reportAdmission(admission, options)
  }
  if (options.cases.includes(STITCH.name)) {
    if (options.cases.length > 1)
      throw new WeftError('bench.option', `${STITCH.name} cannot be measured with others`, {
        field: '--case',
      })
    return reportStitch(options)
  }
  const own = await ownProgram(options)
  if (options.against !== undefined) return reportAgainst(PROJECT, options.against, own, options)
  const peers = await findPeers(options, own)
  const say = options.json ? console.error : console.log
  const machine = machineText(peers)
  say(`${machine}\n\n${headingText()}`)
  const rows = await measure(options, own, peers, (row) => say(rowText(row)))
  if (options.json) console.log(JSON.stringify(rows, undefined, 2))
  if (options.document !== undefined) writeDocument(options.document, machine, rows)
  return rows.some(({ peer, error }) => peer === 'weft' && error !== undefined) ? 1 : 0
}

main(process.argv.slice(2)).then(
  (code) => {
    process.exitCode = code
  },
  (error: unknown) => {
    console.error(`bench: ${describeError(error)} (npm run bench -- --help lists the flags)`)
    process.exitCode = 2
  },
)
