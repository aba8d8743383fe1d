import { Agent, request } from 'node:http'
import { Watched } from '../../core/watched.ts'
import { noTelemetry } from '../../proxy/exchange/telemetry-sink.ts'
import type { Cluster } from '../../proxy/model/cluster.ts'
import type { ForwardAction } from '../../proxy/model/route.ts'
import { Runtime } from '../../proxy/runtime.ts'
import { forwardTo, TestConfiguration } from '../../proxy/testing/static-configuration.ts'
import type { UpstreamCluster } from '../../proxy/upstream/upstream-cluster.ts'
import { FaultyServer } from './faulty-server.ts'

const SERVERS = 3

export interface Asking {
  readonly method?: 'GET' | 'POST'
  readonly id: string
  readonly body?: Buffer
}

/** A caller's proxy on real sockets, three servers behind it, and a caller with connections of its own. */
export interface Bed {
  readonly servers: readonly FaultyServer[]
  /** How often each request reached a server, by its id. */
  readonly ledger: ReadonlyMap<string, number>
  readonly cluster: UpstreamCluster
  /** Tries beyond the first of all requests so far. */
  readonly retried: number
  /** The status of the answer, or 0 where it was none or no whole one. */
  ask(asking: Asking): Promise<number>
  close(): Promise<void>
}

/** `concurrency`: connections of the caller. */
export async function openBed(
  concurrency: number,
  change: { readonly cluster?: Partial<Cluster>; readonly action?: Partial<ForwardAction> },
): Promise<Bed> {
  const ledger = new Map<string, number>()
  const servers = Array.from({ length: SERVERS }, () => new FaultyServer(ledger))
  await Promise.all(servers.map((server) => server.listen()))
  const configuration = new TestConfiguration()
  configuration.setCluster(
    'app',
    servers.map(({ port }) => port),
    change.cluster,
  )
  configuration.setRoutes([forwardTo({ app: 1 }, change.action)])
  let retried = 0
  const runtime = new Runtime({
    configuration,
    secrets: new Watched(undefined),
    readSpiffeId: () => ({ ok: false, reason: 'there is no mesh here' }),
    telemetry: {
      ...noTelemetry,
      requestFinished: ({ attempts }) => void (retried += Math.max(0, attempts - 1)),
    },
    originalDestination: undefined,
    ownAddresses: [],
  })
  let problem: unknown
  await runtime.bindListeners((error) => {
    problem = error
  })
  const port = runtime.boundPort('front')
  if (port === undefined) throw new Error('the proxy has no port', { cause: problem })
  const agent = new Agent({ keepAlive: true, maxSockets: concurrency })
  return {
    servers,
    ledger,
    cluster: runtime.clusters.get('app'),
    get retried() {
      return retried
    },
    ask: ({ method = 'GET', id, body }) =>
      new Promise((resolve) => {
        const headers = { 'x-id': id, ...(body && { 'content-length': body.length }) }
        const outgoing = request({ host: '127.0.0.1', port, method, agent, headers }, (response) => {
          response.on('error', () => resolve(0))
          response.on('end', () => resolve(response.complete ? (response.statusCode ?? 0) : 0))
          response.resume()
        })
        outgoing.on('error', () => resolve(0))
        outgoing.end(body)
      }),
    async close() {
      agent.destroy()
      runtime.close()
      await Promise.all(servers.map((server) => server.crash()))
    },
  }
}

/** So many requests, `concurrency` at once. `stop`: after each, whether the rest is not wanted. Gives how many were made. */
export async function askMany(
  count: number,
  concurrency: number,
  ask: (i: number) => Promise<unknown>,
  stop: () => boolean = () => false,
): Promise<number> {
  let next = 0
  const caller = async (): Promise<void> => {
    while (next < count && !stop()) await ask(next++)
  }
  await Promise.all(Array.from({ length: concurrency }, caller))
  return next
}
