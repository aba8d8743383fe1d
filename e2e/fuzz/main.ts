import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { debianProgram } from '../programs/debian.ts'
import { describeError } from '../../core/errors.ts'
import { HELP, type Options, parseOptions } from './options.ts'
import { RunningProxy } from './peers/proxies.ts'
import { reportText } from './report.ts'
import { FuzzResult } from './result.ts'
import { runBatch } from './run.ts'

const PROJECT = fileURLToPath(new URL('../..', import.meta.url))
const PROGRESS_MS = 5_000

/** Ends after the batch under way once `stopped` is aborted. */
async function fuzz(options: Options, stopped: AbortSignal): Promise<FuzzResult> {
  const result = new FuzzResult()
  const home = mkdtempSync(join(tmpdir(), 'weft-fuzz-'))
  const proxies: RunningProxy[] = []
  try {
    const cache = join(PROJECT, '.cache/bench')
    mkdirSync(cache, { recursive: true })
    for (const name of options.proxies)
      proxies.push(await RunningProxy.start(name, debianProgram(name, cache), home))
    let told = performance.now()
    for (let seed = options.seed; result.messages < options.messages && !stopped.aborted; seed++) {
      await runBatch(seed, proxies, result)
      if (performance.now() - told < PROGRESS_MS) continue
      told = performance.now()
      console.error(
        `fuzz: ${result.messages} of ${options.messages} messages, ${result.failed} disagreements`,
      )
    }
  } finally {
    await Promise.all(proxies.map((proxy) => proxy.stop()))
    rmSync(home, { recursive: true, force: true })
  }
  return result
}

async function main(argv: readonly string[]): Promise<number> {
  const options = parseOptions(argv)
  if (options.help) {
    console.log(HELP)
    return 0
  }
  const peers = ["Node's parser", ...options.proxies].join(', ')
  console.error(`fuzz: seed ${options.seed}, ${options.messages} messages, against ${peers}`)
  const stop = new AbortController()
  // So that no proxy and no file stays; a second signal ends it at once.
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => stop.abort())
  const result = await fuzz(options, stop.signal)
  if (options.json) console.log(JSON.stringify({ seed: options.seed, result }, undefined, 2))
  else console.log(reportText(options.seed, result))
  const short = result.messages < options.messages
  if (short) console.error(`fuzz: stopped after ${result.messages} of ${options.messages} messages`)
  return result.failed === 0 && !short ? 0 : 1
}

main(process.argv.slice(2)).then(
  (code) => (process.exitCode = code),
  (error: unknown) => {
    console.error(`fuzz: ${describeError(error)}`)
    process.exitCode = 2
  },
)
