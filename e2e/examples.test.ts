import { execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { cpSync, mkdtempSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import t from 'tap'
import type { CanaryStatus } from '../control-plane/canary/status.ts'
import { findLacks, thisMachine } from '../local/requirements.ts'

const PROJECT = join(import.meta.dirname, '..')
const CLI = join(PROJECT, 'cli/weft.ts')
const lacks = findLacks(thisMachine)
const skip = lacks.length > 0 ? lacks.map((lack) => lack.message).join('; ') : false

/** Played in a cluster: e2e/kubernetes/story/steps/getting-started.ts, e2e/kubernetes/canary-controllers and e2e/issuers. */
const FOR_CLUSTERS = new Set(['cluster', 'flagger', 'argo-rollouts', 'issuers'])

const name = `examples-${process.pid}`
const run = promisify(execFile)
const log = async (pod: string): Promise<string[]> => {
  const argv = [CLI, 'local', 'logs', pod, '--name', name]
  const { stdout } = await run(process.execPath, argv).catch(() => ({ stdout: '' }))
  return stdout.trim().split('\n').filter(Boolean)
}

/** What `look` finds in the lines of a pod's log, once it finds something. */
async function seen<T>(pod: string, look: (lines: readonly string[]) => T | false | undefined): Promise<T> {
  for (;;) {
    const found = look(await log(pod))
    if (found !== undefined && found !== false) return found
    await new Promise((resolve) => setTimeout(resolve, 300))
  }
}

/** What `holds` says of the first line of a pod's log, from line `from` on, of which it says something. */
function said<T>(pod: string, holds: (line: string) => T | false | undefined, from = 0): Promise<T> {
  return seen(pod, (lines) => {
    for (const line of lines.slice(from)) {
      const found = holds(line)
      if (found !== undefined && found !== false) return found
    }
    return undefined
  })
}

/** The Canary of the example, once it has ended with another revision than `before`. */
async function canaryEnded(before: string): Promise<CanaryStatus> {
  const argv = [CLI, 'canary', 'status', 'hello', '-n', 'canary-auto', '--name', name, '--json']
  for (;;) {
    const { stdout } = await run(process.execPath, argv)
    const { status } = JSON.parse(stdout) as { readonly status: CanaryStatus | null }
    const ended = status?.phase === 'Succeeded' || status?.phase === 'RolledBack'
    if (ended && status.revision !== before) return status
    await new Promise((resolve) => setTimeout(resolve, 300))
  }
}

const counts = (line: string): Record<string, number> => JSON.parse(line) as Record<string, number>

t.test('every example does what its page says', { skip, timeout: 300_000 }, async (t) => {
  const directory = mkdtempSync(join(tmpdir(), 'weft-test-examples-'))
  t.teardown(() => rmSync(directory, { recursive: true, force: true }))
  cpSync(join(PROJECT, 'examples'), directory, { recursive: true })
  const folders = readdirSync(directory, { withFileTypes: true }).filter((entry) => entry.isDirectory())
  const page = readFileSync(join(directory, 'README.md'), 'utf8')
  t.strictSame(
    [...page.matchAll(/^## (\S+)$/gm)].map(([, title = '']) => title).toSorted(),
    folders.map((folder) => folder.name).toSorted(),
  )

  const argv = [
    CLI,
    'local',
    'up',
    '--name',
    name,
    '--collector',
    'http://collector.tracing:4317',
    ...folders.flatMap(({ name: folder }) =>
      FOR_CLUSTERS.has(folder) ? [] : ['-f', join(directory, folder)],
    ),
  ]
  const up = spawn(process.execPath, argv, { stdio: ['ignore', 'pipe', 'pipe'] })
  const ended = once(up, 'exit')
  t.teardown(async () => {
    up.kill('SIGINT')
    await ended
  })
  let output = ''
  const ready = new Promise<void>((resolve) => {
    for (const stream of [up.stdout, up.stderr])
      stream.on('data', (bytes) => {
        output += String(bytes)
        if (/^ready after/m.test(output)) resolve()
      })
  })
  await Promise.race([ready, ended.then(() => Promise.reject(new Error(output)))])

  const shares = (wanted: number) => (line: string) => {
    const { v1 = 0, v2 = 0 } = counts(line)
    return v1 + v2 >= 15 && Math.abs(v2 / (v1 + v2) - wanted) <= 0.11 && { v1, v2 }
  }
  t.ok(await said('canary/client', shares(0.1)))
  const file = join(directory, 'canary/canary.yaml')
  const text = readFileSync(file, 'utf8')
    .replace('weight: 90', 'weight: 0')
    .replace('weight: 10', 'weight: 1')
  writeFileSync(`${file}.new`, text)
  renameSync(`${file}.new`, file)
  const known = (await log('canary/client')).length
  t.match(await said('canary/client', (line) => counts(line)['v1'] === undefined && counts(line), known), {
    v2: Number,
  })

  t.ok(await said('canary-auto/client', (line) => line.includes('"v2":') && line.includes('"v1":')))
  const good = await canaryEnded('')
  t.match(good, { phase: 'Succeeded', weight: 100, reason: 'Promoted' })
  // Its failing version is played while the other examples are looked at.
  const auto = join(directory, 'canary-auto/canary.yaml')
  const failing = readFileSync(auto, 'utf8').replace(
    /(VERSION, value: v2 \}\n.*FAIL_SHARE, value: )'0'/,
    "$1'0.3'",
  )
  writeFileSync(`${auto}.new`, failing)
  renameSync(`${auto}.new`, auto)

  const stock = await seen('retries/client', (lines) => {
    const all = lines.map(
      (line) => JSON.parse(line) as Record<'GET' | 'POST', { sent: number; failed: number }>,
    )
    // Everything fails until the first pod is ready.
    const begun = all.findIndex(({ GET }) => GET.sent > 0 && GET.failed === 0)
    const failed = (method: 'GET' | 'POST') =>
      begun === -1 ? 0 : all.slice(begun).reduce((sum, one) => sum + one[method].failed, 0)
    return failed('POST') >= 5 && { GET: failed('GET'), POST: failed('POST') }
  })
  t.ok(stock.GET < stock.POST / 4, JSON.stringify(stock))

  t.ok(
    await said('strict-mtls/client', (line) =>
      /^hello, spiffe:\/\/[^/]+\/ns\/strict-mtls\/sa\/client$/.test(line),
    ),
  )
  t.ok(await said('strict-mtls-outside/client', (line) => line.startsWith('refused: ')))
  const outside = await log('strict-mtls-outside/client')
  t.notOk(
    outside.find((line) => line.startsWith('hello')),
    'refused from the first time on',
  )

  t.ok(
    await said(
      'grpc/client',
      (line) => Object.keys(counts(line)).toSorted().join() === 'Goodbye: v2,Hello: v1',
    ),
  )
  t.ok(await said('tcp/client', (line) => line === 'ready'))
  t.ok(await said('tcp/client', (line) => line === 'A LINE'))

  const traces = new Map<string, string[]>()
  const whole = await said('tracing/collector', (line) => {
    const [trace = '', ...span] = line.split(' ')
    const spans = [...(traces.get(trace) ?? []), span.slice(0, 2).join(' ')]
    traces.set(trace, spans)
    return new Set(spans).size === 4 && [...new Set(spans)].toSorted()
  })
  t.strictSame(whole, ['back server', 'client client', 'front client', 'front server'])

  t.match(await canaryEnded(good.revision), { phase: 'RolledBack', weight: 0, reason: 'SuccessRate' })
  const back = (await log('canary-auto/client')).length
  t.ok(await said('canary-auto/client', (line) => Object.keys(counts(line)).join() === 'v1', back))
})
