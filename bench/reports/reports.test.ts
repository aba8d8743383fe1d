import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { text } from 'node:stream/consumers'
import t from 'tap'
import { isWithinTarget, TARGET, type Result } from './result.ts'

const MAIN = new URL('main.ts', import.meta.url).pathname

t.test('what reporters send is what the control plane counts, within its memory', async (t) => {
  const args = ['--pods', '10', '--calls', '2', '--requests', '300', '--seconds', '2', '--json']
  const child = spawn(process.execPath, [MAIN, ...args], { stdio: ['ignore', 'pipe', 'pipe'] })
  const [out, said] = await Promise.all([text(child.stdout), text(child.stderr), once(child, 'exit')])
  t.match(out, /^\{/, said)
  const result = JSON.parse(out) as Result & { ok: boolean }
  t.type(result.ok, 'boolean')
  t.ok(result.requests > 0, 'requests were played')
  t.equal(result.counted, result.requests, 'the map has each of them once')
  t.ok(result.series > 0, 'series were reported')
  t.equal(result.knownSeries, result.series, 'every series is known')
  t.equal(result.lost, 0, 'no span was lost')
  t.ok(result.peakMib <= TARGET.mib, `${result.peakMib} MiB resident`)
})

t.test('a run reaches the target only where all was brought, counted and answered in time', async (t) => {
  const reached: Result = {
    ...{ pods: 1, services: 1, requests: 100, counted: 100, wantedPerSecond: 100, requestsPerSecond: 95 },
    ...{ spansPerSecond: 1, lost: 0, failedReports: 0, series: 2, knownSeries: 2 },
    ...{
      startMib: 100,
      middleMib: 100,
      endMib: 100,
      peakMib: 100,
      cpuPercent: 1,
      waitPercent: 0,
      storeMib: 1,
    },
    answers: [{ question: 'map', count: 1, p50: 1, p99: TARGET.p99, longest: 201, bytes: 1 }],
    ...{ stallMs: { p50: 1, p99: 1, longest: 1 }, lateMs: 0, load: 0, cpus: 2 },
  }
  t.equal(isWithinTarget(reached), true)
  const slow = reached.answers.map((one) => ({ ...one, p99: TARGET.p99 + 1 }))
  for (const missed of [
    { counted: 99 },
    { counted: 101 },
    { requestsPerSecond: 94 },
    { knownSeries: 1 },
    { lost: 1 },
    { peakMib: TARGET.mib + 1 },
    { answers: slow },
  ])
    t.equal(isWithinTarget({ ...reached, ...missed }), false, JSON.stringify(missed))
})
