import { once } from 'node:events'
import { createServer } from 'node:http'
import t from 'tap'
import { portOf, startPair, type Pair } from './testing/pair.ts'
import { dial } from './testing/raw-http.ts'

// Callers whose requests come by turns, over the split of a route: each kind of request has the share of the weights, and not
// only all of them together.

const SPLITS = [
  [50, 50],
  [80, 20],
  [90, 10],
  [99, 1],
] as const
const REQUESTS = 6000
const PIPELINED = 200
const PERIODS = Array.from({ length: 19 }, (_, i) => i + 2)
/** What happens by chance with less than e^-30 is none: not once in a thousand million runs of this test. */
const LEAST_CHANCE = 30

let pair: Pair

t.before(async () => {
  const apps: Record<string, number> = {}
  for (const version of ['v1', 'v2']) {
    const app = createServer((_, response) => void response.end(version))
    await once(app.listen(0, '127.0.0.1'), 'listening')
    t.teardown(() => {
      app.close()
      app.closeAllConnections()
    })
    apps[version] = portOf(app)
  }
  pair = await startPair(
    t,
    SPLITS.map((weights) => {
      const name = weights.join('/')
      const clusters = weights.map((weight, i) => ({ name: `${name} v${i + 1}`, weight }))
      return {
        name,
        kind: 'http',
        app: apps['v1'] ?? 0,
        direct: true,
        appProtocol: 'http1',
        route: { cluster: undefined, weighted_clusters: { clusters } },
        extra: { [`${name} v1`]: apps['v1'] ?? 0, [`${name} v2`]: apps['v2'] ?? 0 },
      } as const
    }),
    { flags: ['--access-log', 'failed'] },
  )
})

/** Which of the requests of one connection, one after the other, went to v2: four GETs and a POST, and so on. */
async function askInTurns(port: number): Promise<readonly boolean[]> {
  const client = await dial(port)
  const second: boolean[] = []
  while (second.length < REQUESTS) {
    let text = ''
    for (let i = second.length; i < second.length + PIPELINED; i++)
      text += `${i % 5 === 4 ? 'POST' : 'GET'} /${i} HTTP/1.1\r\nhost: a.test\r\n${i % 5 === 4 ? 'content-length: 0\r\n' : ''}\r\n`
    client.write(text)
    for (let i = 0; i < PIPELINED; i++) {
      const answer = await client.take(/\r\n\r\nv[12]/)
      if (!answer.startsWith('HTTP/1.1 200 ')) throw new Error(answer)
      second.push(answer.endsWith('v2'))
    }
  }
  client.socket.destroy()
  return second
}

/** Chernoff's bound, which draws without replacement keep as well: the chance of being so far off is at most e to the minus this. */
function unlikely(count: number, of: number, share: number): number {
  const seen = count / of
  const part = (a: number, b: number): number => (a === 0 ? 0 : a * Math.log(a / b))
  return of * (part(seen, share) + part(1 - seen, 1 - share))
}

for (const weights of SPLITS) {
  const name = weights.join('/')
  t.test(`each kind of request has its share of ${name}`, async (t) => {
    const second = await askInTurns(pair.port(name))
    const share = weights[1] / 100
    for (let from = 0; from < REQUESTS; from += 2000) {
      const percent = second.slice(from, from + 2000).filter(Boolean).length / 20
      t.ok(Math.abs(percent - weights[1]) <= 2, `${percent} % of 2,000 requests`)
    }
    // The proxy sees no turns: what comes is a caller of each of these periods.
    for (const period of PERIODS) {
      const off = Array.from({ length: period }, (_, turn) => {
        const own = second.filter((_, i) => i % period === turn)
        return unlikely(own.filter(Boolean).length, own.length, share)
      })
      t.ok(Math.max(...off) < LEAST_CHANCE, `a caller of ${period} turns: e^-${Math.max(...off).toFixed(1)}`)
    }
  })
}
