import { describeError } from '../../core/errors.ts'
import { FlagError, parseFlags } from '../../local/flags.ts'
import { chosenOf, SUITE_FLAGS, type SuiteOptions } from '../programs/suite-options.ts'
import { runSuiteProgram } from '../programs/suite-program.ts'
import { within } from '../programs/within.ts'
import { CASES } from './cases.ts'
import { startClient, type ClientProgram } from './client.ts'
import { ensureClient, isMade, LANGUAGES, VERSIONS, type Language } from './programs.ts'
import { World } from './world.ts'

const USAGE = `usage: npm run test:clients [-- [LANGUAGE...] [--only TEXT] [--check] [--json] [--verbose]]

Runs the gRPC libraries of Go, Java and Node, without a sidecar, against the control plane: docs/proxyless-grpc.md says
what they do. Their clients are built into a cache the first time, which takes some minutes.

  LANGUAGE      ${LANGUAGES.join(', ')} (all)
  --only TEXT   only cases whose names have this text in them
  --check       run and make nothing; say which clients are in the cache, and exit with 3 if one is not
  --json        one object on stdout: {ok, clients: [{language, library, seconds, cases: [{name, ok, seconds, measured, problem}]}]}
  --verbose     what the clients log, too

Exit codes: 0 all passed, 1 a case failed, 2 wrong flags, 3 something cannot be had on this machine (it says what).
`

interface CaseResult {
  readonly name: string
  readonly ok: boolean
  readonly seconds: number
  /** What the case measured, in milliseconds. */
  readonly measured: Readonly<Record<string, number>>
  readonly problem: string
}

interface ClientResult {
  readonly language: string
  readonly library: string
  readonly seconds: number
  readonly cases: readonly CaseResult[]
}

interface Options extends SuiteOptions {
  readonly languages: readonly Language[]
  readonly only: string
  readonly verbose: boolean
}

/** For what is around the cases, whose calls have limits of their own, and for a case; minutes. */
const STEP_MINUTES = 5

async function main(argv: readonly string[]): Promise<number> {
  const { languages, only, check, json, verbose, help } = optionsOf(argv)
  if (help) {
    console.log(USAGE)
    return 0
  }
  if (check) {
    for (const language of languages)
      console.log(`grpc-${language}-client: ${isMade(language) ? 'there' : 'not made'}`)
    return languages.every(isMade) ? 0 : 3
  }
  const programs: ClientProgram[] = []
  for (const language of languages) programs.push(await ensureClient(language, (line) => console.error(line)))
  const clients: ClientResult[] = []
  for (const program of programs) clients.push(await runCases(program, only, verbose))
  const all = clients.flatMap(({ cases }) => cases)
  const failed = all.filter(({ ok }) => !ok).length
  if (json) console.log(JSON.stringify({ ok: failed === 0, clients }))
  else console.log(`${all.length - failed} passed, ${failed} failed`)
  return failed === 0 ? 0 : 1
}

async function runCases(program: ClientProgram, only: string, verbose: boolean): Promise<ClientResult> {
  const { language } = program
  const library = VERSIONS[language as Language]
  console.error(library)
  const tasks: (() => unknown)[] = []
  const t = { teardown: (task: () => unknown) => void tasks.unshift(task) }
  const log = verbose ? (line: string) => console.error(`  ${language}: ${line}`) : () => {}
  const began = performance.now()
  const cases: CaseResult[] = []
  try {
    const world = await within(STEP_MINUTES, 'the start of the control plane and servers', World.start(t))
    const start = (bootstrap: object) => {
      const client = startClient(program, bootstrap, log)
      t.teardown(() => client.stop())
      return client
    }
    const client = start(world.bootstrap(language))
    // A JVM takes its time to start.
    await client.call('xds:///nothing.shop:50051', { deadlineMs: 60_000 })
    for (const { name, run } of CASES) {
      if (!name.includes(only)) continue
      const at = performance.now()
      let measured: CaseResult['measured'] = {}
      let problem = ''
      try {
        measured = (await within(STEP_MINUTES, name, run({ world, client, start, t }))) ?? {}
        problem = Object.entries(await world.refusals())
          .map(([node, refused]) => `${node} refused: ${refused}`)
          .join('; ')
      } catch (error) {
        problem = describeError(error)
      }
      const seconds = secondsSince(at)
      cases.push({ name, ok: problem === '', seconds, measured, problem })
      const figures = Object.entries(measured).map(([what, ms]) => `, ${what} ${ms} ms`)
      console.error(
        `${problem === '' ? 'ok' : 'FAILED'} ${language}: ${name} (${seconds} s${figures.join('')})${problem && `\n  ${problem}`}`,
      )
    }
  } finally {
    for (const task of tasks)
      await within(STEP_MINUTES, `the end of what ${language} was tried with`, ending(task))
  }
  return { language, library, seconds: secondsSince(began), cases }
}

async function ending(task: () => unknown): Promise<void> {
  await task()
}

function secondsSince(began: number): number {
  return Math.round((performance.now() - began) / 100) / 10
}

/** Throws FlagError. */
function optionsOf(argv: readonly string[]): Options {
  const { values, positionals } = parseFlags({
    args: [...argv],
    allowPositionals: true,
    options: {
      only: { type: 'string', default: '' },
      verbose: { type: 'boolean', default: false },
      ...SUITE_FLAGS,
    },
  } as const)
  if (!CASES.some(({ name }) => name.includes(values.only)))
    throw new FlagError(`--only: no case has ${JSON.stringify(values.only)} in its name`)
  return { ...values, languages: chosenOf(positionals, 'client of', LANGUAGES) }
}

runSuiteProgram('test:clients', main)
