import { HEALTH_PORT, HTTP_PORT, METRICS_PORT, WEBHOOK_PORT } from '../../../core/contract.ts'
import type { Attack } from '../attack.ts'
import type { AttackBed } from '../bed.ts'
import {
  CLIENT_SIDECAR,
  CONTROL,
  CONTROL_PULSE,
  HOLDER,
  MESH_PULSE,
  NEIGHBOUR,
  REST_ADDRESS,
  serverAddress,
  SERVER_SIDECAR,
  WEBHOOK,
  WEBHOOK_ADDRESS,
  WEBHOOK_PULSE,
} from './places.ts'

/** Longer than a probe may fail before its pod is out of service. */
const HOLD_MS = 12_000

/** While connections are held, others must be had, each anew: so often, over the first seconds. */
const REACHES = 10

interface Held {
  readonly pod: string
  readonly address: string
  readonly path: string
  readonly tls?: boolean
}

/** Connections that are held, and say nothing or a byte a second: others are served, and the pod stays in service. */
async function hold(
  bed: AttackBed,
  count: number,
  { pod, address, path, tls = false }: Held,
): Promise<string[]> {
  const before = await bed.pod(pod)
  const [{ opened }, { failed }] = await Promise.all([
    bed.from(NEIGHBOUR, 'hold', address, count, { holdMs: HOLD_MS, tls }),
    bed.from(HOLDER, 'reach', address, REACHES, { path, tls }),
  ])
  const after = await bed.pod(pod)
  const restarts = (one: typeof before) =>
    one.containers.reduce((sum, container) => sum + container.restarts, 0)
  const problems: string[] = []
  if (after.name !== before.name || restarts(after) > restarts(before))
    problems.push(`${pod} was started again`)
  if (!after.ready) problems.push(`${pod} is out of service`)
  if (opened === 0) problems.push('no connection could be had')
  if (Object.keys(failed as object).length > 0)
    problems.push(`another was not served meanwhile: ${JSON.stringify(failed)}`)
  return problems
}

const ON_SERVER = { attacked: SERVER_SIDECAR, pulse: MESH_PULSE, growthMib: 64 }

export const SIDECAR_ATTACKS: readonly Attack[] = [
  {
    ...ON_SERVER,
    name: 'idle-health',
    what: `200 idle and slow connections to port ${HEALTH_PORT} of a pod`,
    short: false,
    run: async (bed) =>
      hold(bed, 200, {
        pod: 'shop/server',
        address: `${await serverAddress(bed)}:${HEALTH_PORT}`,
        path: '/ready',
      }),
  },
  {
    ...ON_SERVER,
    name: 'idle-metrics',
    what: `200 idle and slow connections to port ${METRICS_PORT} of a pod`,
    short: false,
    run: async (bed) =>
      hold(bed, 200, {
        pod: 'shop/server',
        address: `${await serverAddress(bed)}:${METRICS_PORT}`,
        path: '/metrics',
      }),
  },
  {
    name: 'idle-webhook',
    what: `1,100 idle and slow connections to the webhook, port ${WEBHOOK_PORT}, every second in TLS`,
    attacked: WEBHOOK,
    pulse: WEBHOOK_PULSE,
    short: false,
    growthMib: 128,
    run: async (bed) =>
      hold(bed, 1100, { pod: WEBHOOK.pod, address: WEBHOOK_ADDRESS, path: '/ready', tls: true }),
  },
  {
    name: 'idle-rest',
    what: `1,100 idle and slow connections to the REST interface, port ${HTTP_PORT}`,
    attacked: CONTROL,
    pulse: CONTROL_PULSE,
    short: false,
    growthMib: 128,
    run: async (bed) => hold(bed, 1100, { pod: CONTROL.pod, address: REST_ADDRESS, path: '/live' }),
  },
  {
    ...ON_SERVER,
    name: 'client-hello',
    what: 'TLS handshakes of 65,000 records of a byte, of empty records, of messages of 16 MiB and of no handshake at all',
    short: true,
    async run(bed) {
      await bed.from(NEIGHBOUR, 'client-hellos', `${await serverAddress(bed)}:9000`, 24)
      return []
    },
  },
  {
    name: 'pattern',
    what: "paths that a route's patterns `/re/(a+)+`, `/alternatives/(a|b|ab)*c` and `/dots/(.*)(.*)(.*)c` almost take",
    attacked: CLIENT_SIDECAR,
    pulse: MESH_PULSE,
    short: true,
    growthMib: 64,
    async run(bed) {
      await bed.from('shop/client', 'patterns', 'server.shop:8080', 3)
      return []
    },
  },
]
