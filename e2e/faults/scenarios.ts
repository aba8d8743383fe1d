import { BY_SHARE } from '../../proxy/testing/outlier-settings.ts'
import type { RetryPolicy } from '../../proxy/model/route.ts'
import { seeded } from '../../proxy/testing/seeded-random.ts'
import { askMany, openBed, type Bed } from './bed.ts'
import type { Behaviour } from './faulty-server.ts'

const CONCURRENCY = 16
/** Of a route, where servers hang: far more than a healthy answer takes on a slow machine. */
const TIMEOUT_MS = 2000
const BUDGET = { percent: 20, minPerSecond: 10 }
const BUDGET_WINDOW_S = 10
/** An endpoint that fails half of the time has had its five in a row long before that. */
const MOST_UNTIL_EJECTED = 20_000

/** As the control plane writes it where a route says nothing (control-plane/xds/client-takes.ts). */
const SAFE_RETRY: RetryPolicy = {
  retries: 2,
  perTryTimeoutMs: 0,
  statuses: [],
  on: {
    connectFailure: true,
    refusedStream: true,
    reset: true,
    resetBeforeRequest: false,
    gatewayError: false,
    serverError: false,
  },
  grpcStatuses: [],
  backoffBaseMs: 25,
  backoffMaxMs: 250,
  nonIdempotent: false,
}
/** Everything that may be is tried again. */
const EAGER_RETRY: RetryPolicy = {
  ...SAFE_RETRY,
  retries: 4,
  on: { ...SAFE_RETRY.on, gatewayError: true, serverError: true },
  backoffBaseMs: 1,
  backoffMaxMs: 2,
}

export interface Finding {
  readonly ok: boolean
  readonly [figure: string]: number | boolean
}

export interface Scenario {
  readonly name: string
  /** What has to hold. */
  readonly claim: string
  readonly run: (requests: number, seed: number) => Promise<Finding>
}

/** How the one of three fails, by its requests. */
type Fault = (random: () => number) => () => Behaviour
const always =
  (behaviour: Behaviour): Fault =>
  () =>
  () =>
    behaviour
const FAULTS: Readonly<Record<string, Fault>> = {
  'errors-at-once': always('500'),
  unavailable: always('503'),
  resets: always('reset'),
  'breaks-off': always('half'),
  hangs: always('hang'),
  'half-of-the-time': (random) => () => (random() < 0.5 ? '500' : 'ok'),
  flaps: () => {
    let asked = 0
    return () => (asked++ % 60 < 30 ? '503' : 'ok')
  },
  'slow-and-failing': (random) => () => (random() < 0.2 ? 'slow' : '503'),
}

/** With one of three that fails, callers meet it until it is ejected, and then no more. */
function oneOfThree(name: string, fault: Fault): Scenario {
  return {
    name: `one-of-three-${name}`,
    claim: 'at most 2 % of callers see it once it is ejected',
    async run(requests, seed) {
      const action = { retry: SAFE_RETRY, timeoutMs: name === 'hangs' ? TIMEOUT_MS : 0 }
      const cluster = { outliers: BY_SHARE, retryBudget: BUDGET }
      const bed = await openBed(CONCURRENCY, { cluster, action })
      try {
        await warm(bed)
        const [bad] = bed.servers
        if (bad) bad.behave = fault(seeded(seed))
        let failed = 0
        const ask = async (i: number): Promise<void> => {
          if ((await bed.ask({ id: `g${i}` })) !== 200) failed++
        }
        const ejected = (): boolean => bed.cluster.outliers.ejected === 1
        const before = await askMany(MOST_UNTIL_EJECTED, CONCURRENCY, ask, ejected)
        const failedBefore = failed
        failed = 0
        const wasEjected = ejected()
        await askMany(requests, CONCURRENCY, ask)
        return {
          ok: wasEjected && failed <= requests * 0.02,
          before_ejection: before,
          failed_before: failedBefore,
          requests,
          failed,
        }
      } finally {
        await bed.close()
      }
    },
  }
}

/** Connections are there, and every server has answered. */
async function warm(bed: Bed): Promise<void> {
  await askMany(CONCURRENCY * 3, CONCURRENCY, (i) => bed.ask({ id: `w${i}` }))
}

/** Every server fails: what callers ask for is all but all that the servers get. */
function totalFailure(behaviour: '503' | 'reset'): Scenario {
  return {
    name: `total-failure-${behaviour}`,
    claim: 'retries add 20 % and 10 a second at most',
    async run(requests) {
      const cluster = { outliers: BY_SHARE, retryBudget: BUDGET }
      const bed = await openBed(CONCURRENCY, { cluster, action: { retry: EAGER_RETRY } })
      try {
        for (const server of bed.servers) server.behave = () => behaviour
        const started = performance.now()
        await askMany(requests, CONCURRENCY, (i) => bed.ask({ id: `g${i}` }))
        const seconds = (performance.now() - started) / 1000
        let tries = 0
        for (const times of bed.ledger.values()) tries += times
        // The floor is held as what a window of ten seconds may have, so the first of it may come at once.
        const allowed = requests * 0.2 + BUDGET.minPerSecond * (seconds + BUDGET_WINDOW_S)
        const added = tries - requests
        return { ok: added > 0 && added <= allowed, requests, tries, added, allowed: Math.floor(allowed) }
      } finally {
        await bed.close()
      }
    },
  }
}

const MIXED: readonly (readonly [Behaviour, number])[] = [
  ['500', 0.02],
  ['503', 0.02],
  ['reset', 0.02],
  ['half', 0.01],
  ['slow', 0.02],
  ['close-after', 0.05],
  ['hang', 0.0005],
]
/** Between two crashes of a server. */
const REQUESTS_A_CRASH = 400

/** Whatever servers do, what is not idempotent reaches an application once at most. */
const NEVER_TWICE: Scenario = {
  name: 'never-twice',
  claim: 'no POST reaches an application twice',
  async run(requests, seed) {
    const random = seeded(seed)
    const cluster = { outliers: BY_SHARE, retryBudget: { percent: 100, minPerSecond: 1000 } }
    const bed = await openBed(CONCURRENCY, { cluster, action: { retry: EAGER_RETRY, timeoutMs: TIMEOUT_MS } })
    try {
      for (const server of bed.servers)
        server.behave = () => {
          let drawn = random()
          return MIXED.find(([, share]) => (drawn -= share) < 0)?.[0] ?? 'ok'
        }
      let answered = 0
      let restarts = Promise.resolve()
      await askMany(requests, CONCURRENCY, async (i) => {
        if (i % REQUESTS_A_CRASH === REQUESTS_A_CRASH - 1) {
          const server = bed.servers[((i + 1) / REQUESTS_A_CRASH) % bed.servers.length]
          restarts = restarts.then(() => server?.crash()).then(() => server?.listen())
        }
        const method = random() < 0.7 ? 'POST' : 'GET'
        const body = method === 'POST' ? Buffer.alloc(Math.floor(random() * 20_000), 'x') : undefined
        const status = await bed.ask({ method, id: `${method}-${i}`, ...(body && { body }) })
        if (status === 200) answered++
      })
      await restarts
      let twice = 0
      let repeated = 0
      for (const [id, times] of bed.ledger) {
        if (times > 1 && id.startsWith('POST')) twice++
        if (times > 1 && id.startsWith('GET')) repeated++
      }
      // Without a GET that was repeated nothing would have been shown.
      return {
        ok: twice === 0 && repeated > 0,
        requests,
        answered,
        posts_twice: twice,
        gets_repeated: repeated,
      }
    } finally {
      await bed.close()
    }
  },
}

export const SCENARIOS: readonly Scenario[] = [
  ...Object.entries(FAULTS).map(([name, fault]) => oneOfThree(name, fault)),
  totalFailure('503'),
  totalFailure('reset'),
  NEVER_TWICE,
]
