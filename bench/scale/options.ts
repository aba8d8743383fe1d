import { parseFlags, wholeNumber } from '../../local/flags.ts'

export const HELP = `usage: npm run scale -- [options]

Measures the control plane at scale: objects in a real API server, streams of proxies over real gRPC with tokens of
real pods, changes of EndpointSlices and of an AuthorizationPolicy until the last proxy that is interested has them. It needs root, and the
programs of npm run test:kube.

  --services N      (1000)
  --endpoints N     pods with a sidecar, spread over the Services (10000)
  --proxies N       of these pods that hold a stream (500)
  --destinations N  Services that each proxy calls (20)
  --changes N       changes one after the other, then as many at 50 a second (300)
  --policies N      changes of one AuthorizationPolicy of the whole mesh, beside 20 of each namespace, after the others,
                    one after the other; each until every proxy has the listener with it (30)
  --json            the result as JSON on standard output
  --document        write the result into docs/scale.md, between its marks
  --help            this text

Exit code: 0 measured, and within the target (p99 200 ms, of the policy 1 s; 1 GiB); 1 not; 2 wrong flags or something lacks.
`

export interface Options {
  readonly services: number
  readonly endpoints: number
  readonly proxies: number
  readonly destinations: number
  readonly changes: number
  /** Changes of the policy. */
  readonly policies: number
  readonly json: boolean
  readonly document: boolean
}

/** Throws FlagError. */
export function parseOptions(argv: readonly string[]): Options | 'help' {
  const { values } = parseFlags({
    args: [...argv],
    options: {
      services: { type: 'string', default: '1000' },
      endpoints: { type: 'string', default: '10000' },
      proxies: { type: 'string', default: '500' },
      destinations: { type: 'string', default: '20' },
      changes: { type: 'string', default: '300' },
      policies: { type: 'string', default: '30' },
      json: { type: 'boolean', default: false },
      document: { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
    },
  } as const)
  if (values.help) return 'help'
  const services = wholeNumber('--services', values.services, 1, 20_000)
  const endpoints = wholeNumber('--endpoints', values.endpoints, 1, 50_000)
  return {
    services,
    endpoints,
    proxies: wholeNumber('--proxies', values.proxies, 1, endpoints),
    destinations: wholeNumber('--destinations', values.destinations, 1, services),
    changes: wholeNumber('--changes', values.changes, 1, 10_000),
    policies: wholeNumber('--policies', values.policies, 1, 10_000),
    json: values.json,
    document: values.document,
  }
}
