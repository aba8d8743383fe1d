import type { Balancing } from '../../proxy/model/balancing.ts'
import type { Endpoint } from '../../proxy/model/cluster.ts'
import { EndpointLoad } from '../../proxy/upstream/balance/load.ts'
import { Picker } from '../../proxy/upstream/balance/picker.ts'
import type { Target } from '../../proxy/upstream/balance/target.ts'
import { seeded } from '../../proxy/testing/seeded-random.ts'
import { Server, type Behaviour } from './server.ts'
import { VirtualClock } from './virtual-clock.ts'

/** What is replayed: the same requests, at the same times, with the same work, for each way to balance. */
export interface Scenario {
  readonly name: string
  readonly endpoints: number
  readonly callers: number
  readonly workersOfEach: number
  /** Of all callers together, a second. */
  readonly requestsPerSecond: number
  readonly seconds: number
  /** Work of a request is lognormal: its median in milliseconds, and sigma of its logarithm. */
  readonly medianMs: number
  readonly sigma: number
  /** By index of the endpoint. `random` is of the scenario's own. */
  readonly behaviour: (index: number, random: () => number) => Behaviour
}

export interface Outcome {
  readonly requests: number
  /** Of the requests, 0 to 100. */
  readonly failedPercent: number
  /** Of answers that are no failures, milliseconds. */
  readonly p50Ms: number
  readonly p99Ms: number
  readonly p999Ms: number
}

class ReplayedEndpoint implements Target {
  readonly load = new EndpointLoad()
  readonly health = { standing: 'use', certain: 'use' } as const
  readonly inUseSince = -Infinity
  readonly address: string
  readonly endpoint: Endpoint
  readonly server: Server

  constructor(index: number, balancing: Balancing, server: Server) {
    this.endpoint = {
      address: '10.0.0.1',
      port: index + 1,
      weight: 1,
      health: 'healthy',
      transportMatch: {},
      identity: '',
      workload: '',
    }
    this.address = `10.0.0.1:${index + 1}`
    this.server = server
    this.load.configure(balancing.policy)
  }
}

/** Every request is tried once: what retries would mend is to be seen. The first tenth of the time is not counted. */
export function replay(scenario: Scenario, balancing: Balancing, seed: number): Outcome {
  const clock = new VirtualClock()
  // One stream of random numbers each, so that a policy's draws do not change what it is given.
  const [arrivals, work, faults, picks] = [1, 2, 3, 4].map((stream) => seeded(seed * 1000 + stream)) as [
    () => number,
    () => number,
    () => number,
    () => number,
  ]
  const endMs = scenario.seconds * 1000
  const servers = Array.from(
    { length: scenario.endpoints },
    (_, index) => new Server(clock, scenario.workersOfEach, scenario.behaviour(index, faults), endMs),
  )
  const callers = Array.from({ length: scenario.callers }, () => {
    const endpoints = servers.map((server, index) => new ReplayedEndpoint(index, balancing, server))
    return new Picker(endpoints, { balancing, own: undefined, chance: { clock, random: picks } })
  })
  const latencies: number[] = []
  let requests = 0
  let failed = 0
  const send = (caller: number, workMs: number): void => {
    const endpoint = callers[caller]?.pick(undefined, undefined)
    if (!endpoint) throw new Error('a replay without endpoints')
    const startedAt = clock.now()
    const request = { startedAt, older: undefined, newer: undefined, counted: false }
    const counts = startedAt >= endMs / 10
    if (counts) requests++
    endpoint.load.begin(request)
    endpoint.server.request(workMs, (status) => {
      const now = clock.now()
      endpoint.load.observe(request, 'answered', status, now - startedAt, 0, now)
      endpoint.load.end(request)
      if (!counts) return
      if (status >= 500) failed++
      else latencies.push(now - startedAt)
    })
  }
  const arrive = (): void => {
    const caller = Math.floor(arrivals() * scenario.callers)
    send(caller, scenario.medianMs * Math.exp(scenario.sigma * normal(work)))
    const untilNext = (-Math.log(1 - arrivals()) * 1000) / scenario.requestsPerSecond
    if (clock.now() + untilNext < endMs) clock.after(untilNext, arrive)
  }
  clock.after(0, arrive)
  clock.run()
  latencies.sort((a, b) => a - b)
  const at = (part: number): number => latencies[Math.floor(part * (latencies.length - 1))] ?? NaN
  return {
    requests,
    failedPercent: (100 * failed) / requests,
    p50Ms: at(0.5),
    p99Ms: at(0.99),
    p999Ms: at(0.999),
  }
}

/** Of the normal distribution (Box and Muller). */
function normal(random: () => number): number {
  return Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random())
}
