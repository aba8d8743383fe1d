// Asks a webhook, as an API server would: HTTP/1.1 over TLS, connections that stay. Run in a process of its own, with a
// LoadRequest as JSON for its argument; prints a LoadResult.
import { randomUUID } from 'node:crypto'
import { setTimeout as delay } from 'node:timers/promises'
import { Pool } from 'undici'
import { Histogram } from '../load/histogram.ts'
import { cpuMicroseconds, memoryOf } from '../../e2e/programs/process-usage.ts'
import { reviewBody, type PodSize } from './reviews.ts'

export interface LoadRequest {
  readonly port: number
  readonly ca: string
  readonly serverName: string
  /** The webhook's process. */
  readonly pid: number
  readonly pod: PodSize
  readonly connections: number
  /** Reviews a second, sent at their time whatever became of those before; 0: the next when the one before is answered. */
  readonly rate: number
  readonly count: number
  /** Memory is noted each so many reviews. */
  readonly every: number
}

export interface LoadResult {
  readonly reviews: number
  readonly seconds: number
  readonly cpuMicroseconds: number
  readonly p50Us: number
  readonly p99Us: number
  readonly maxUs: number
  /** RSS in KiB, by the number of reviews answered. */
  readonly memory: readonly (readonly [reviews: number, rssKib: number])[]
}

async function main(request: LoadRequest): Promise<LoadResult> {
  const { port, ca, serverName, pid, connections, rate, count, every } = request
  const body = reviewBody(request.pod)
  const pool = new Pool(`https://127.0.0.1:${port}`, {
    connections,
    connect: { ca, servername: serverName },
  })
  const latency = new Histogram()
  const memory: [number, number][] = []
  let answered = 0
  let maxMs = 0
  const ask = async (sent: number) => {
    const uid = randomUUID()
    const answer = await pool.request({
      path: '/mutate',
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: body(uid),
    })
    const text = await answer.body.text()
    const ms = performance.now() - sent
    latency.add(ms)
    maxMs = Math.max(maxMs, ms)
    check(uid, answer.statusCode, text)
    if (++answered % every === 0) memory.push([answered, memoryOf([pid]).rssKib])
  }
  const cpu = cpuMicroseconds([pid])
  const began = performance.now()
  if (rate === 0) {
    let left = count
    const loop = async () => {
      while (left-- > 0) await ask(performance.now())
    }
    await Promise.all(Array.from({ length: connections }, loop))
  } else {
    const running: Promise<void>[] = []
    for (let at = 0; at < count; at++) {
      // At its time, whatever became of those before: a webhook that is late delays no clock.
      const due = began + (at * 1000) / rate
      const early = due - performance.now()
      if (early > 0) await delay(early)
      running.push(ask(performance.now()))
    }
    await Promise.all(running)
  }
  const seconds = (performance.now() - began) / 1000
  const used = cpuMicroseconds([pid]) - cpu
  await pool.close()
  const [p50Us, p99Us] = [latency.quantile(0.5), latency.quantile(0.99)]
  return { reviews: answered, seconds, cpuMicroseconds: used, p50Us, p99Us, maxUs: maxMs * 1000, memory }
}

/** Throws unless it is the answer to this review, and injects. */
function check(uid: string, status: number, text: string): void {
  const { response } = JSON.parse(text) as { response?: { uid?: string; allowed?: boolean; patch?: string } }
  if (status === 200 && response?.uid === uid && response.allowed === true && response.patch) return
  throw new Error(`a wrong answer (${status}): ${text.slice(0, 200)}`)
}

main(JSON.parse(process.argv[2] ?? '{}') as LoadRequest).then(
  (result) => console.log(JSON.stringify(result)),
  (error: unknown) => {
    console.error(error instanceof Error ? error.message : error)
    process.exitCode = 1
  },
)
