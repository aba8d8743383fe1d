import { execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { cpSync, mkdtempSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import t from 'tap'
import { findLacks, thisMachine } from '../local/requirements.ts'

const PROJECT = join(import.meta.dirname, '..')
const CLI = join(PROJECT, 'cli/weft.ts')
const lacks = findLacks(thisMachine)
const skip = lacks.length > 0 ? lacks.map((lack) => lack.message).join('; ') : false

const name = `examples-${process.pid}`
const run = promisify(execFile)
const log = async (pod: string): Promise<string[]> => {
  const argv = [CLI, 'local', 'logs', pod, '--name', name]
  const { stdout } = await run(process.execPath, argv).catch(() => ({ stdout: '' }))
  return stdout.trim().split('\n').filter(Boolean)
}

/** The first line of a pod's log, from the last that was seen on, of which `holds` is true. */
async function said<T>(pod: string, holds: (line: string) => T | false | undefined, from = 0): Promise<T> {
  for (;;) {
    const lines = await log(pod)
    for (const line of lines.slice(from)) {
      const found = holds(line)
      if (found !== undefined && found !== false) return found
    }
    await new Promise((resolve) => setTimeout(resolve, 300))
  }
}

const counts = (line: string): Record<string, number> => JSON.parse(line) as Record<string, number>

t.test('every example does what its page says', { skip, timeout: 180_000 }, async (t) => {
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
    // The one for clusters is played in one: e2e/kubernetes/story/steps/getting-started.ts.
    ...folders.flatMap(({ name: folder }) => (folder === 'cluster' ? [] : ['-f', join(directory, folder)])),
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

  const stock = await said('retries/client', (line) => {
    const all = JSON.parse(line) as Record<'GET' | 'POST', { sent: number; failed: number }>
    return all.POST.failed >= 5 && all
  })
  t.ok(stock.GET.failed < stock.POST.failed / 4, JSON.stringify(stock))

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
})
