import { execFile, spawn } from 'node:child_process'
import { createPublicKey } from 'node:crypto'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { createRoot, issueServer } from '../../certs/authority.ts'
import { generateKey, privateKeyPem } from '../../certs/key.ts'
import { bundle } from '../../cli/bundle.ts'
import { WeftError } from '../../core/errors.ts'
import { coresOf, pinned } from '../measure/cores.ts'
import { median, rounded } from '../result.ts'
import type { LoadRequest, LoadResult } from './load.ts'
import type { PodSize } from './reviews.ts'

export const ADMISSION_CASES = ['admission', 'admission-memory'] as const
export type AdmissionCase = (typeof ADMISSION_CASES)[number]

/** One line of the result. */
export interface AdmissionRow {
  readonly case: AdmissionCase
  readonly pod: PodSize
  /** Reviews a second that were asked; null: as many as it answered. */
  readonly rate: number | null
  readonly reviews: number
  readonly per_second: number
  readonly cpu_us_per_review: number
  readonly p50_us: number
  readonly p99_us: number
  readonly max_us: number
  /** Early and late: the middle of the second to the fourth tenth of the reviews, and of the last three. */
  readonly rss_kib: readonly [number, number]
}

const SERVER_NAME = 'weft-injector.weft-system.svc'
/** What the issue of the webhook's speed asks for. */
export const TARGET = { rate: 200, p99Us: 5000 }
const MEMORY_REVIEWS = 100_000

/** Measures the injector's process, on one CPU, asked from another. `seconds`: of each rate. */
export async function measureAdmission(
  cases: readonly AdmissionCase[],
  seconds: number,
  tell: (row: AdmissionRow) => void,
): Promise<AdmissionRow[]> {
  const directory = mkdtempSync(join(tmpdir(), 'weft-bench-admission-'))
  const cores = coresOf()
  const injector = await startInjector(directory, (await bundle('injector')).path, cores?.proxies)
  const rows: AdmissionRow[] = []
  const run = async (
    name: AdmissionCase,
    load: { pod: PodSize; connections: number; rate: number; count: number },
  ) => {
    const every = Math.max(1, Math.floor(load.count / 10))
    const row = rowOf(name, load, await injector.load({ ...load, every }, cores?.load))
    rows.push(row)
    tell(row)
  }
  try {
    // A process that serves since yesterday has compiled what it runs.
    await injector.load({ pod: 'ordinary', connections: 4, rate: 0, count: 3000, every: 3000 }, cores?.load)
    if (cases.includes('admission')) {
      for (const rate of [TARGET.rate, 2 * TARGET.rate])
        await run('admission', { pod: 'ordinary', connections: 8, rate, count: rate * seconds })
      await run('admission', { pod: 'large', connections: 8, rate: 10, count: 10 * seconds })
    }
    if (cases.includes('admission-memory'))
      await run('admission-memory', { pod: 'ordinary', connections: 8, rate: 0, count: MEMORY_REVIEWS })
    return rows
  } finally {
    await injector.stop()
    rmSync(directory, { recursive: true, force: true })
  }
}

async function startInjector(directory: string, program: string, cpu: number | undefined) {
  const root = createRoot('cluster.local', Date.now())
  const key = generateKey()
  const dnsNames = [SERVER_NAME]
  const { chain } = issueServer(root, { dnsNames, publicKey: createPublicKey(key), now: Date.now() })
  const [cert, keyFile] = [join(directory, 'tls.crt'), join(directory, 'tls.key')]
  writeFileSync(cert, chain.map((one) => one.toString()).join(''))
  writeFileSync(keyFile, privateKeyPem(key), { mode: 0o600 })
  const files = ['--cert-file', cert, '--key-file', keyFile, '--drain-seconds', '0']
  const argv = [process.execPath, program, 'injector', '--listen', '127.0.0.1:0', ...files]
  const [command = '', ...args] = pinned(argv, cpu)
  const child = spawn(command, args, { stdio: ['ignore', 'ignore', 'pipe'] })
  const exited = new Promise<void>((resolve) => child.once('exit', () => resolve()))
  const port = await new Promise<number>((resolve, reject) => {
    const lines = createInterface({ input: child.stderr })
    lines.on('line', (line) => {
      const found = /"message":"webhook listening".*"port":(\d+)/.exec(line)
      if (found) resolve(Number(found[1]))
    })
    child.once('exit', (code) => reject(new WeftError('bench.injector', `the injector ended with ${code}`)))
  })
  return {
    load(request: Omit<LoadRequest, 'port' | 'ca' | 'serverName' | 'pid'>, on: number | undefined) {
      const whole: LoadRequest = {
        ...request,
        port,
        ca: root.certificate.toString(),
        serverName: SERVER_NAME,
        pid: child.pid as number,
      }
      const load = [process.execPath, join(import.meta.dirname, 'load.ts'), JSON.stringify(whole)]
      const [program = '', ...rest] = pinned(load, on)
      return new Promise<LoadResult>((resolve, reject) => {
        execFile(program, rest, (error, stdout, stderr) => {
          if (error) reject(new WeftError('bench.answer', stderr.trim() || error.message))
          else resolve(JSON.parse(stdout) as LoadResult)
        })
      })
    },
    stop() {
      child.kill('SIGTERM')
      return exited
    },
  }
}

function rowOf(
  name: AdmissionCase,
  load: { readonly pod: PodSize; readonly rate: number },
  result: LoadResult,
): AdmissionRow {
  const rss = result.memory.map(([, kib]) => kib)
  return {
    case: name,
    pod: load.pod,
    rate: load.rate === 0 ? null : load.rate,
    reviews: result.reviews,
    per_second: rounded(result.reviews / result.seconds),
    cpu_us_per_review: rounded(result.cpuMicroseconds / result.reviews),
    p50_us: rounded(result.p50Us),
    p99_us: rounded(result.p99Us),
    max_us: rounded(result.maxUs),
    // The collector runs when it likes, so the middle of several.
    rss_kib: [Math.round(median(rss.slice(1, 4))), Math.round(median(rss.slice(-3)))],
  }
}
