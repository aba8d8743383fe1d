import t from 'tap'
import type { Test } from 'tap'
import type { Explanation } from '../../core/api/explanation.ts'
import { field } from '../http/message.ts'
import { seeded } from '../testing/seeded-random.ts'
import { PlayedPair, type Played } from './testing/played-pair.ts'
import { randomPair, type RandomPair } from './testing/random-pair.ts'

const PAIRS = 1000
const MOST_REPLAYS = 10
/** What a backend without use is answered with. */
const RECORDED: Readonly<Record<string, string>> = {
  invalid_backend: '500: a backend',
  cluster_not_found: '503: the destination',
  no_healthy_upstream: '503: no healthy',
  path_normalization_failed: '400: bad path',
}

t.test('what is explained is what the proxy then does: 1,000 configurations and requests', async (t) => {
  const seen: Record<string, number> = {}
  for (let seed = 1; seed <= PAIRS; seed++) {
    const random = seeded(seed)
    const pair = randomPair(random)
    const played = new PlayedPair(pair, random)
    const explanation = await played.explained()
    const did = played.play()
    const wrong = disagreements(explanation, did, pair)
    if (wrong.length > 0) t.fail(`seed ${seed}`, { wrong, explanation, request: pair.request })
    seen[explanation.outcome] = (seen[explanation.outcome] ?? 0) + 1
  }
  // All of it was tried, and often enough.
  for (const outcome of ['forwarded', 'redirected', 'answered', 'refused'])
    t.ok((seen[outcome] ?? 0) >= 20, `${outcome}: ${seen[outcome]}`)
})

/** Where the two say different things, a sentence each. */
function disagreements(said: Explanation, did: Played, pair: RandomPair): string[] {
  const wrong: string[] = []
  const same = (what: string, a: unknown, b: unknown): void => {
    if (a !== b) wrong.push(`${what}: ${String(a)} was said, ${String(b)} was done`)
  }
  const { record, caller, reached } = did
  same('route', said.route, record.route)
  const last = said.rules.at(-1)
  if (last?.matches) same('last rule', last.name, record.route)
  if (said.rules.some(({ reason }) => reason === '')) wrong.push('a rule without a reason')
  if (pair.direction === 'inbound' && record.policy !== '') same('policy', said.policy?.rule, record.policy)
  if (record.decision !== '') same('decision', said.policy?.decision, record.decision)

  // What is drawn may come in place of the rest, which then says nothing.
  const drawn = said.steps.filter(({ odds }) => odds > 0 && odds < 1)
  if (drawn.some(({ status }) => status === record.status) && /fault|limited/.test(record.details))
    return wrong
  const waits = said.steps.filter(({ delayOdds }) => delayOdds > 0)
  const sureWait = waits.filter(({ delayOdds }) => delayOdds === 1).reduce((sum, one) => sum + one.delayMs, 0)
  if (record.durationMs < sureWait)
    wrong.push(`a delay of ${sureWait} ms was said, it took ${record.durationMs}`)
  if (waits.length === 0 && record.details === 'fault_filter_abort' && record.durationMs > 0)
    wrong.push('a delay that was not said')

  switch (said.outcome) {
    case 'redirected':
      same('status', said.status, record.status)
      same('location', said.location, field(caller.answer?.fields ?? [], 'location'))
      break
    case 'answered':
    case 'refused':
      // Backends that fail in ways of their own: the likeliest is told, and the notes have them all.
      if (
        !said.notes.some((note) =>
          note.includes(`are answered with ${RECORDED[record.details.replace(/\{.*/, '')] ?? ''}`),
        )
      ) {
        same('status', said.status, record.status)
        same('details', said.details, record.details)
      }
      same('requests that reached a server', 0, reached.length)
      break
    case 'forwarded':
      wrong.push(...forwardedOtherwise(said, did, pair))
      break
    case 'passed-through':
    case 'unknown':
      wrong.push(`outcome ${said.outcome}`)
  }
  return wrong
}

function forwardedOtherwise(said: Explanation, did: Played, pair: RandomPair): string[] {
  const wrong: string[] = []
  const { record, reached, firstTry } = did
  // A part of the requests is answered here: the notes say so.
  const part = said.notes.some((note) => note.endsWith(': a backend of the route is invalid'))
  if (record.details === 'invalid_backend') return part ? [] : ['an invalid backend that was not said']
  const backend = said.backends.find(({ cluster, odds }) => cluster === record.cluster && odds > 0)
  if (!backend) return [`${record.cluster} has no odds`]
  if (['cluster_not_found', 'no_healthy_upstream'].includes(record.details) && record.attempts === 0)
    return said.notes.some((note) => note.includes('are answered with 503'))
      ? []
      : [`${record.details} was not said`]
  const endpoint = backend.endpoints.find(({ address }) => address === firstTry)
  // Of a failover in the middle the first try was another cluster's.
  const first =
    endpoint ??
    said.backends.flatMap(({ endpoints }) => endpoints).find(({ address }) => address === firstTry)
  if (!first || first.odds === 0) wrong.push(`the first try went to ${firstTry}, which has no odds`)

  const { retries } = said
  const tries = retries?.tries ?? 1
  // What a server says it did not get is replayed on a new connection, which is no try of the rule's.
  const replays = reached.some((address) => refuses(pair, address)) ? MOST_REPLAYS : 0
  if (record.attempts > tries + replays) wrong.push(`${tries} tries were said, ${record.attempts} were made`)
  const does = pair.clusters
    .flatMap(({ endpoints }) => endpoints)
    .find(({ port }) => firstTry === `127.0.0.1:${port}`)?.does
  const kind = does && (does.kind === 'status' ? String(does.status) : OUTCOMES[does.kind])
  if (kind !== undefined && kind !== '') {
    const again = retries !== null && tries > 1 && retries.on.includes(kind)
    if (again && record.attempts < 2 && !overBefore(said, record.durationMs))
      wrong.push(`no second try after ${kind}`)
    if (!again && record.attempts > 1 + replays) wrong.push(`a second try after ${kind}`)
  }
  const idempotent = !['POST', 'PATCH'].includes(record.method)
  if (!(retries?.repeatable ?? idempotent)) {
    const repeated = reached.filter((address) => !refuses(pair, address))
    if (repeated.length > 1) wrong.push(`it reached servers ${repeated.length} times`)
  }
  const limit = said.timeouts.find(({ name }) => name === 'request')?.ms
  const held = said.steps.reduce((sum, { delayMs }) => sum + delayMs, 0)
  if (limit !== undefined && record.durationMs > limit + held + 50)
    wrong.push(`it took ${record.durationMs} of ${limit} ms`)
  if (limit === undefined && record.details === 'response_timeout') wrong.push('a timeout that was not said')
  return wrong
}

const OUTCOMES = {
  reset: 'reset',
  'no-connection': 'connect-failure',
  refused: 'refused-stream',
  hang: '',
} as const

function refuses({ clusters }: RandomPair, address: string): boolean {
  const found = clusters
    .flatMap(({ endpoints }) => endpoints)
    .find(({ port }) => address === `127.0.0.1:${port}`)
  return found?.does.kind === 'refused'
}

function overBefore({ timeouts }: Explanation, durationMs: number): boolean {
  return timeouts.some(({ name, ms }) => name === 'request' && durationMs >= ms)
}

t.test('of many requests each backend and each endpoint has its share', async (t: Test) => {
  const requests = 3000
  let tried = 0
  for (let seed = 1; tried < 8; seed++) {
    const random = seeded(seed * 7919)
    const pair = withGoodServers(randomPair(random))
    const played = new PlayedPair(pair, random)
    const said = await played.explained()
    const drawn = said.steps.some(({ odds, delayOdds }) => odds > 0 || delayOdds > 0)
    if (said.outcome !== 'forwarded' || said.backends.length < 2 || drawn || limited(pair)) continue
    tried++
    const clusters = new Map<string, number>()
    const endpoints = new Map<string, number>()
    for (let i = 0; i < requests; i++) {
      const { record } = played.play()
      clusters.set(record.cluster, (clusters.get(record.cluster) ?? 0) + 1)
      const key = `${record.cluster} ${record.upstream}`
      endpoints.set(key, (endpoints.get(key) ?? 0) + 1)
    }
    const odds = new Map<string, number>()
    for (const one of said.backends) odds.set(one.cluster, (odds.get(one.cluster) ?? 0) + one.odds)
    for (const [cluster, share] of odds) {
      const got = (clusters.get(cluster) ?? 0) / requests
      t.ok(Math.abs(got - share) < 0.05, `seed ${seed}, ${cluster}: ${share} was said, ${got} was done`)
      const all = said.backends.find((one) => one.cluster === cluster)?.endpoints ?? []
      // Who goes by latency goes elsewhere with each answer: what is said holds for the moment.
      if (share < 0.1 || goesByLatency(pair, cluster)) continue
      for (const { address, odds: own } of all) {
        const part = (endpoints.get(`${cluster} ${address}`) ?? 0) / (clusters.get(cluster) ?? 1)
        t.ok(
          Math.abs(part - own) < 0.1,
          `seed ${seed}, ${cluster} ${address}: ${own} was said, ${part} was done`,
        )
      }
    }
  }
})

function withGoodServers(pair: RandomPair): RandomPair {
  const does = { kind: 'status', status: 200 } as const
  return {
    ...pair,
    clusters: pair.clusters.map((one) => ({
      ...one,
      endpoints: one.endpoints.map((server) => ({ ...server, does })),
    })),
  }
}

function goesByLatency({ clusters }: RandomPair, name: string): boolean {
  return clusters.find((one) => one.name === name)?.balancing.policy.kind === 'peak-ewma'
}

function limited({ filters }: RandomPair): boolean {
  return filters.some(({ name }) => name === 'limit')
}
