import { randomBytes } from 'node:crypto'
import { GRPC_PORT } from '../../../core/contract.ts'
import type { Attack } from '../attack.ts'
import type { AttackBed } from '../bed.ts'
import { CONTROL, CONTROL_PULSE, GRPC_ADDRESS, HOLDER, NEIGHBOUR, REST_ADDRESS } from './places.ts'

/** That none of these calls was let in, and none of them was left waiting with what it sent. */
function refused({ statuses = {} }: { readonly statuses?: Readonly<Record<string, number>> }): string[] {
  const { 0: taken = 0, open = 0 } = statuses
  return [
    ...(taken > 0 ? [`${taken} calls without credentials were taken`] : []),
    ...(open > 0 ? [`${open} calls without credentials stayed open`] : []),
  ]
}

const isTaken = (statuses: unknown): boolean => Object.hasOwn(statuses as object, '0')

const ON_CONTROL = { attacked: CONTROL, pulse: CONTROL_PULSE }
/** Of which the control plane is started anew before, so that what it grows by is of this attack. */
const ALONE = { ...ON_CONTROL, fresh: true, short: false }

/** Those that use up what the holder may send come last. */
export const CONTROL_PLANE_ATTACKS: readonly Attack[] = [
  {
    ...ON_CONTROL,
    name: 'otlp-without-token',
    what: 'OTLP without a token: 2 MB that decode to a million spans, 64 MiB compressed, and a message that says 4 GiB',
    short: true,
    growthMib: 96,
    run: async (bed) => refused(await bed.from(NEIGHBOUR, 'otlp', GRPC_ADDRESS, 2)),
  },
  {
    ...ALONE,
    name: 'ads-without-token',
    what: '400 ADS streams that show no token and send eight large requests each',
    growthMib: 128,
    run: async (bed) => refused(await bed.from(NEIGHBOUR, 'ads-without-token', GRPC_ADDRESS, 50)),
  },
  {
    ...ALONE,
    name: 'unsigned-tokens',
    what: '5,000 tokens that nobody signed: good to look at, `alg: none`, of 16 KB, deeply nested',
    growthMib: 128,
    run: async (bed) => refused(await bed.from(NEIGHBOUR, 'unsigned', GRPC_ADDRESS, 500)),
  },
  {
    ...ON_CONTROL,
    name: 'token-holder-traces',
    what: 'spans of other pods once more under another name, older ones in their traces, and 10,000 traces, with a token',
    short: true,
    growthMib: 160,
    run: forgedTraces,
  },
  {
    ...ON_CONTROL,
    name: 'token-holder-figures',
    what: 'requests by the hundred thousand that nobody made, of a route that the holder does not follow',
    short: false,
    growthMib: 64,
    run: forgedFigures,
  },
  {
    ...ALONE,
    name: 'token-holder-series',
    what: 'up to 9,000 metric series of 9 to 72 kB each, with a token',
    growthMib: 110,
    async run(bed) {
      await bed.from(HOLDER, 'series', GRPC_ADDRESS, 30)
      return []
    },
  },
  {
    ...ALONE,
    name: 'token-holder-names',
    what: '240 ADS streams with 1,900 names of 1,024 characters each, twice (930 MB), with a token',
    growthMib: 192,
    async run(bed) {
      await bed.from(HOLDER, 'subscriptions', GRPC_ADDRESS, 30)
      return []
    },
  },
  {
    ...ALONE,
    name: 'token-holder-compressed',
    what: '64 calls of 3,000 empty compressed messages and 64 MiB compressed, with a token',
    growthMib: 64,
    async run(bed) {
      const { statuses } = await bed.from(HOLDER, 'compressed', GRPC_ADDRESS, 8)
      return isTaken(statuses) ? ['compressed messages were taken'] : []
    },
  },
  {
    ...ALONE,
    name: 'token-holder-floods',
    what: 'floods of HTTP/2: PING, SETTINGS, PRIORITY, WINDOW_UPDATE, resets, fields without end, messages in single bytes',
    growthMib: 96,
    async run(bed) {
      await bed.from(HOLDER, 'floods', GRPC_ADDRESS, 1)
      return []
    },
  },
  {
    ...ON_CONTROL,
    name: 'idle-grpc',
    what: `1,100 idle and slow connections to the control plane, port ${GRPC_PORT}, every second in TLS`,
    short: false,
    growthMib: 128,
    async run(bed) {
      await bed.from(NEIGHBOUR, 'hold', GRPC_ADDRESS, 1100, { holdMs: 8000, tls: true })
      return []
    },
  },
  {
    ...ON_CONTROL,
    name: 'host-header',
    what: "the REST interface under names that are not its own, as a page of somebody's browser asks",
    short: true,
    growthMib: 64,
    async run(bed) {
      const { answered } = await bed.from(NEIGHBOUR, 'hosts', REST_ADDRESS)
      return (answered as string[]).map((name) => `it answered to ${name}`)
    },
  },
]

interface SpanView {
  readonly spanId: string
  readonly name: string
  readonly pod: string
}

interface TraceView {
  readonly name: string
  readonly service: string
  readonly startMs: number
  readonly spans: readonly SpanView[]
}

/** A trace of an honest request, which must be what it was after the attack. */
async function forgedTraces(bed: AttackBed): Promise<string[]> {
  const id = randomBytes(16).toString('hex')
  await bed.get('http://server.shop:8080/traced', {
    traceparent: `00-${id}-${randomBytes(8).toString('hex')}-01`,
  })
  const told = async (): Promise<TraceView | undefined> => {
    const { status, text } = await bed.get(`http://${REST_ADDRESS}/api/traces/${id}`)
    return status === 200 ? (JSON.parse(text) as TraceView) : undefined
  }
  let before = await told()
  // Both sidecars tell theirs within a few seconds; who never does is not waited for for ever.
  for (let tries = 0; (before?.spans.length ?? 0) < 2 && tries < 60; tries++) {
    await new Promise((resolve) => setTimeout(resolve, 250))
    before = await told()
  }
  if (!before || before.spans.length < 2) return ['the honest request left no trace']
  const spans = before.spans.map(({ spanId }) => ({ traceId: id, spanId }))
  const { statuses } = await bed.from(HOLDER, 'spans', GRPC_ADDRESS, 20, { spans })
  if (!isTaken(statuses)) return ['no span was taken, so that nothing was tried']
  const after = await told()
  if (!after) return ['the trace of an honest request was pushed out']
  const kept = before.spans.filter(({ spanId, name, pod }) =>
    after.spans.some((span) => span.spanId === spanId && span.name === name && span.pod === pod),
  )
  const lost = before.spans.length - kept.length
  const problems = lost > 0 ? [`${lost} spans were replaced`] : []
  if (after.name !== before.name || after.service !== before.service || after.startMs !== before.startMs)
    problems.push(`the trace is told as ${after.name} of ${after.service}`)
  return problems
}

interface RoutesView {
  readonly routes: readonly { readonly name: string; readonly rate: number }[]
}

/** Of manifests/mesh.yaml: a rule that clients in `shop` alone follow, of whom none does. */
const RULE = { rule: 'HTTPRoute/shop/consumed/0', cluster: 'shop/server/8080' }

/** Figures of the slots of two seconds that are not over yet are not shown, and of the one before. */
const SHOWN_MS = 6500

async function forgedFigures(bed: AttackBed): Promise<string[]> {
  const { statuses } = await bed.from(HOLDER, 'figures', GRPC_ADDRESS, 1, RULE)
  if (!isTaken(statuses)) return ['no figure was taken, so that nothing was tried']
  await new Promise((resolve) => setTimeout(resolve, SHOWN_MS))
  const { text } = await bed.get(`http://${REST_ADDRESS}/api/routes`)
  const shown = (JSON.parse(text) as RoutesView).routes.find(({ name }) => name === RULE.rule)
  if (!shown) return [`there is no route ${RULE.rule}`]
  return shown.rate > 0 ? [`its figures count: ${shown.rate} requests a second`] : []
}
