import { bundle, NODE_FLAGS, PROXY_ENV } from '../../cli/bundle.ts'
import type { ProxyProgram } from '../pair/testing/proxy-process.ts'
import { parsePartOptions } from '../programs/suite-options.ts'
import { runSuiteProgram } from '../programs/suite-program.ts'
import { helpText } from './options.ts'
import { ensurePart, isMade, type InteropPart } from './programs/programs.ts'
import { reportOf, reportTable, type SuiteResult } from './report.ts'
import type { Suite } from './suite.ts'
import { SUITES } from './suites.ts'

const progress = (line: string): void => console.error(`interop: ${line}`)

async function main(argv: readonly string[]): Promise<number> {
  const options = parsePartOptions(
    argv,
    'suite',
    SUITES.map(({ name }) => name),
  )
  if (options.help) {
    console.log(helpText(SUITES))
    return 0
  }
  const suites = SUITES.filter(({ name }) => options.chosen.includes(name))
  const parts = [...new Set(suites.flatMap((suite) => suite.parts))]
  if (options.check) {
    for (const part of parts) console.log(`${part}: ${isMade(part) ? 'there' : 'not made'}`)
    return parts.every(isMade) ? 0 : 3
  }
  const folders = new Map<InteropPart, string>()
  for (const part of parts) folders.set(part, await ensurePart(part, progress))
  const stop = new AbortController()
  // Not once: a terminal and npm both send it, and what a suite started has to be ended.
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => stop.abort())
  const program: ProxyProgram = { argv: [...NODE_FLAGS, (await bundle('proxy')).path], env: PROXY_ENV }
  const began = performance.now()
  const results: SuiteResult[] = []
  for (const suite of suites) {
    if (stop.signal.aborted) break
    results.push(await runSuite(suite, folders, program, stop.signal))
  }
  const report = reportOf(results, (performance.now() - began) / 1000)
  if (options.json) console.log(JSON.stringify(report, undefined, 2))
  else console.log(reportTable(report))
  if (stop.signal.aborted) progress('stopped')
  return report.ok && !stop.signal.aborted ? 0 : 1
}

async function runSuite(
  suite: Suite,
  folders: ReadonlyMap<InteropPart, string>,
  program: ProxyProgram,
  stopped: AbortSignal,
): Promise<SuiteResult> {
  progress(`${suite.name}: ${suite.title}`)
  const tasks: (() => unknown)[] = []
  const began = performance.now()
  try {
    const cases = await suite.run({
      folder: (part) => folders.get(part) as string,
      program,
      progress: (line) => progress(`${suite.name}: ${line}`),
      stopped,
      t: { teardown: (task) => void tasks.unshift(task) },
    })
    return { suite: suite.name, seconds: (performance.now() - began) / 1000, cases }
  } finally {
    for (const task of tasks) await task()
  }
}

runSuiteProgram('interop', main)
