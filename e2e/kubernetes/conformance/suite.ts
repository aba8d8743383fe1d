import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createWriteStream, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { parse } from 'yaml'
import { WeftError } from '../../../core/errors.ts'
import { SUITE_PROGRAM } from './programs.ts'
import { FEATURES, PROFILES, testResult, type ConformanceReport, type TestResult } from './report.ts'

// Nothing in the repository knows where it is published: docs/release.md says what OWNER stands for.
const IMPLEMENTATION = {
  organization: 'OWNER',
  project: 'weft',
  url: 'https://github.com/OWNER/weft',
  contact: 'https://github.com/OWNER/weft/issues/new',
}
const TIMEOUT = '20m'

export interface SuiteRun {
  readonly tests: readonly TestResult[]
  readonly report: ConformanceReport
  /** As the suite wrote it. */
  readonly reportText: string
}

export interface SuiteOptions {
  /** Of the part of the cache. */
  readonly suite: string
  readonly kubeconfig: string
  /** Of Weft. */
  readonly version: string
  /** A folder for what it writes: `report.yaml` and `suite.log`. */
  readonly work: string
  readonly onResult: (result: TestResult) => void
}

/** Runs the suite against a cluster with the mesh. Throws WeftError `conformance.suite` if it ends without a report. */
export async function runSuite(options: SuiteOptions): Promise<SuiteRun> {
  const reportFile = join(options.work, 'report.yaml')
  const args = [
    '-test.v=test2json',
    '-test.run=^TestConformance$',
    `-test.timeout=${TIMEOUT}`,
    `-conformance-profiles=${PROFILES.join(',')}`,
    `-supported-features=${FEATURES.join(',')}`,
    '-namespace-labels=weft.dev/inject=enabled',
    `-report-output=${reportFile}`,
    ...Object.entries({ ...IMPLEMENTATION, version: options.version }).map(([name, is]) => `-${name}=${is}`),
  ]
  const child = spawn(join(options.suite, SUITE_PROGRAM), args, {
    cwd: options.work,
    env: { PATH: process.env['PATH'], HOME: options.work, KUBECONFIG: options.kubeconfig },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const tests: TestResult[] = []
  const log = createWriteStream(logFile(options.work))
  child.stderr.pipe(log, { end: false })
  createInterface({ input: child.stdout }).on('line', (line) => {
    log.write(`${line}\n`)
    const result = testResult(line)
    if (result === undefined) return
    tests.push(result)
    options.onResult(result)
  })
  await once(child, 'close')
  log.end()
  await once(log, 'close')
  const reportText = textOf(reportFile)
  if (reportText === undefined)
    throw new WeftError('conformance.suite', `the suite ended without a report (exit ${child.exitCode})`)
  return { tests, report: parse(reportText) as ConformanceReport, reportText }
}

/** All that the suite said. */
export function logFile(work: string): string {
  return join(work, 'suite.log')
}

function textOf(file: string): string | undefined {
  try {
    return readFileSync(file, 'utf8')
  } catch {
    return undefined
  }
}
