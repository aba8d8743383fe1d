// TrafficPolicies that are taken and refused: by the control plane, which reads files, and by an API server with the
// definition of the chart (e2e/kubernetes/traffic-policy.kube.ts).

/** The text of a policy with that spec, as JSON. */
export function policyText(spec: unknown, name = 'policy', namespace = 'default'): string {
  return JSON.stringify({
    apiVersion: 'weft.dev/v1alpha1',
    kind: 'TrafficPolicy',
    metadata: { name, namespace },
    spec,
  })
}

const targetRefs = [{ kind: 'Service', name: 'catalog' }]
const ROUTES = 'gateway.networking.k8s.io'
const of = (section: object): object => ({ targetRefs, ...section })
const hash = (consistentHash: object): object =>
  of({ loadBalancing: { type: 'ConsistentHash', consistentHash } })
const sourceIP = [{ type: 'SourceIP' }]
const service = (at: number): object => ({ kind: 'Service', name: `s-${at}` })

/** Every field once, and the ends of ranges. */
export const TAKEN: Readonly<Record<string, object>> = {
  'peak EWMA': of({
    loadBalancing: {
      type: 'PeakEwma',
      peakEwma: { decay: '10s', failurePenalty: '0s' },
      slowStart: { window: '30s', minimumPercent: 100 },
      locality: { mode: 'Prefer' },
      panicThresholdPercent: 0,
    },
  }),
  'peak EWMA without its type': of({ loadBalancing: { peakEwma: { decay: '1h' } } }),
  'least request': of({ loadBalancing: { type: 'LeastRequest', leastRequest: { choices: 2 } } }),
  Maglev: hash({
    algorithm: 'Maglev',
    tableSize: 65_537,
    hashOn: [
      { type: 'Header', header: 'X-User' },
      { type: 'Cookie', cookie: { name: 'user', ttl: '0s', path: '/' } },
      { type: 'QueryParam', queryParam: 'user' },
      { type: 'SourceIP' },
    ],
  }),
  'a ring': hash({ algorithm: 'RingHash', minimumRingSize: 1024, hashOn: sourceIP }),
  'outlier detection': of({
    outlierDetection: {
      mode: 'On',
      consecutiveErrors: 5,
      statusCodes: [429],
      grpcStatusCodes: ['UNAVAILABLE'],
      successRate: { belowPercent: 80, window: '10s', minimumRequests: 20 },
      baseEjection: '30s',
      maximumEjection: '5m',
      maximumEjectedPercent: 50,
    },
  }),
  'outlier detection that is off': of({ outlierDetection: { mode: 'Off' } }),
  'outlier detection as it is': of({ outlierDetection: {} }),
  'long ejections': of({ outlierDetection: { baseEjection: '1h' } }),
  'circuit breakers': of({
    circuitBreaker: {
      maximumConnections: 1,
      maximumPendingRequests: 2,
      maximumRequests: 3,
      maximumRetries: 4,
    },
    retryBudget: { percent: 0, minimumPerSecond: 0 },
  }),
  'a check by HTTP': of({
    healthCheck: {
      type: 'HTTP',
      http: { path: '/healthz?full=1', expectedStatuses: [{ start: 200, end: 200 }] },
      interval: '10s',
      timeout: '1s',
      unhealthyThreshold: 3,
      healthyThreshold: 2,
    },
  }),
  'a check by gRPC': of({ healthCheck: { type: 'GRPC', grpc: { service: '' } } }),
  failover: of({ backendFailover: { mode: 'Redistribute' } }),
  faults: of({
    faults: [
      { matches: [{ header: 'x-fault', value: 'yes' }], delay: { duration: '100ms', percent: 0.5 } },
      { abort: { status: 503, grpcStatus: 'UNAVAILABLE', percent: 100 } },
    ],
  }),
  'no faults': of({ faults: [] }),
  'rate limits': of({
    rateLimits: [
      { requests: 100, per: '1s', burst: 200, by: { type: 'Service' } },
      { requests: 1, per: '50ms', by: { type: 'Header', header: 'x-api-key' } },
      { requests: 1, per: '24h', by: { type: 'Caller' } },
      { requests: 5, per: '1m', burst: 5 },
    ],
  }),
  'adaptive concurrency': of({
    adaptiveConcurrency: { mode: 'On', minimumLimit: 20, maximumLimit: 20, priorityHeader: 'x-priority' },
  }),
  'adaptive concurrency that is off': of({ adaptiveConcurrency: { mode: 'Off' } }),
  'hedging, and every kind of target': {
    targetRefs: [
      { group: '', kind: 'Service', name: 'a' },
      { kind: 'Namespace', name: 'a' },
      { group: ROUTES, kind: 'HTTPRoute', name: 'a' },
      { group: ROUTES, kind: 'GRPCRoute', name: 'a' },
    ],
    hedging: { after: '50ms', maximum: 3 },
  },
}

/** What is wrong; the control plane's `field message`, and the API server's. */
export const REFUSED: readonly (readonly [spec: unknown, ours: RegExp, theirs: RegExp])[] = [
  [undefined, /^spec is required/, /spec: Required value/],
  [{ hedging: { after: '1s' } }, /^spec\.targetRefs is required/, /spec\.targetRefs: Required value/],
  [of({}), /^spec needs something to set/, /something must be set beside targetRefs/],
  [
    { ...of({ hedging: { after: '1s' } }), targetRefs: [] },
    /^spec\.targetRefs needs a target/,
    /targetRefs: .*at least 1/,
  ],
  [
    { targetRefs: Array.from({ length: 17 }, (_, at) => service(at)), hedging: { after: '1s' } },
    /^spec\.targetRefs has 17 items; at most 16/,
    /targetRefs: Too many: 17/,
  ],
  [
    { targetRefs: [...targetRefs, ...targetRefs], hedging: { after: '1s' } },
    /^spec\.targetRefs\[1\] names Service catalog a second time/,
    /each target must be named once/,
  ],
  [
    { targetRefs: [{ kind: 'HTTPRoute', name: 'a' }], hedging: { after: '1s' } },
    /^spec\.targetRefs\[0\]\.group must be "gateway\.networking\.k8s\.io"/,
    /group must be gateway\.networking\.k8s\.io for routes/,
  ],
  [
    { targetRefs: [{ group: 'apps', kind: 'Service', name: 'a' }], hedging: { after: '1s' } },
    /^spec\.targetRefs\[0\]\.group must be ""/,
    /group must be gateway\.networking\.k8s\.io for routes/,
  ],
  [
    { targetRefs: [{ kind: 'Deployment', name: 'a' }], hedging: { after: '1s' } },
    /^spec\.targetRefs\[0\]\.kind must be one of Service, Namespace/,
    /kind: Unsupported value: "Deployment"/,
  ],
  [of({ lodBalancing: {} }), /^spec\.lodBalancing is not a field/, /unknown field "spec\.lodBalancing"/],
  [
    of({ loadBalancing: { type: 'Ewma' } }),
    /^spec\.loadBalancing\.type must be one of PeakEwma/,
    /type: Unsupported value: "Ewma"/,
  ],
  [
    of({ loadBalancing: { type: 'Random', peakEwma: {} } }),
    /peakEwma is only for where type is PeakEwma/,
    /peakEwma is only for where type is PeakEwma/,
  ],
  [
    of({ loadBalancing: { leastRequest: {} } }),
    /leastRequest is only for where type is LeastRequest/,
    /leastRequest is only for where type is LeastRequest/,
  ],
  [
    of({ loadBalancing: { type: 'LeastRequest', leastRequest: { choices: 1 } } }),
    /choices must be an integer from 2/,
    /choices: Invalid value: 1/,
  ],
  [
    of({ loadBalancing: { type: 'ConsistentHash' } }),
    /consistentHash is required/,
    /consistentHash must be there where type is ConsistentHash/,
  ],
  [
    of({ loadBalancing: { consistentHash: { hashOn: sourceIP } } }),
    /consistentHash is only for where type is ConsistentHash/,
    /consistentHash must be there where type is ConsistentHash, and only there/,
  ],
  [
    of({ loadBalancing: { type: 'Random', slowStart: { window: '1s' } } }),
    /slowStart is only for where type is PeakEwma, LeastRequest or RoundRobin/,
    /slowStart is only for where type is PeakEwma, LeastRequest or RoundRobin/,
  ],
  [
    of({ loadBalancing: { slowStart: {} } }),
    /slowStart\.window is required/,
    /slowStart\.window: Required value/,
  ],
  [of({ loadBalancing: { locality: {} } }), /locality\.mode is required/, /locality\.mode: Required value/],
  [
    of({ loadBalancing: { peakEwma: { decay: '10 s' } } }),
    /decay must be a duration such as/,
    /decay: Invalid value: "10 s"/,
  ],
  [
    of({ loadBalancing: { peakEwma: { decay: '0s' } } }),
    /decay must be a duration from 1ms to 1h/,
    /decay: .*must be from 1ms to 1h/,
  ],
  [
    of({ loadBalancing: { peakEwma: { decay: 10 } } }),
    /decay must be a duration such as 500ms, 10s or 1m30s, got 10/,
    /decay: .*must be.* string/,
  ],
  [
    of({ loadBalancing: { panicThresholdPercent: 101 } }),
    /panicThresholdPercent must be an integer from 0 to 100/,
    /panicThresholdPercent: Invalid value: 101/,
  ],
  [hash({}), /hashOn is required/, /hashOn: Required value/],
  [hash({ hashOn: [] }), /hashOn needs an item/, /hashOn: .*at least 1/],
  [
    hash({ algorithm: 'RingHash', tableSize: 7, hashOn: sourceIP }),
    /tableSize is only for where algorithm is Maglev/,
    /tableSize is only for where algorithm is Maglev/,
  ],
  [
    hash({ minimumRingSize: 7, hashOn: sourceIP }),
    /minimumRingSize is only for where algorithm is RingHash/,
    /minimumRingSize is only for where algorithm is RingHash/,
  ],
  // Which sidecars would refuse, or build for seconds.
  [
    hash({ tableSize: 5_000_011, hashOn: sourceIP }),
    /tableSize must be an integer from 2 to 655373/,
    /tableSize: Invalid value: 5000011/,
  ],
  [
    hash({ algorithm: 'RingHash', minimumRingSize: 8_388_608, hashOn: sourceIP }),
    /minimumRingSize must be an integer from 1 to 131072/,
    /minimumRingSize: Invalid value: 8388608/,
  ],
  [
    hash({ hashOn: [{ type: 'Header' }] }),
    /hashOn\[0\]\.header is required/,
    /header must be there where type is Header/,
  ],
  [
    hash({ hashOn: [{ type: 'SourceIP', header: 'x' }] }),
    /hashOn\[0\]\.header is only for where type is Header/,
    /header must be there where type is Header, and only there/,
  ],
  [
    hash({ hashOn: [{ type: 'Cookie', cookie: { name: 'a b' } }] }),
    /cookie\.name must be a cookie's name/,
    /cookie\.name: Invalid value: "a b"/,
  ],
  [
    of({ outlierDetection: { mode: 'Off', consecutiveErrors: 3 } }),
    /consecutiveErrors is only for where mode is On/,
    /with mode Off nothing else is said/,
  ],
  [
    of({ outlierDetection: { statusCodes: [503] } }),
    /statusCodes\[0\] must be an integer from 400 to 499/,
    /statusCodes\[0\]: Invalid value: 503/,
  ],
  [
    of({ outlierDetection: { grpcStatusCodes: ['Unavailable'] } }),
    /grpcStatusCodes\[0\] must be one of CANCELLED/,
    /grpcStatusCodes\[0\]: Unsupported value: "Unavailable"/,
  ],
  [
    of({ outlierDetection: { baseEjection: '10m', maximumEjection: '5m' } }),
    /maximumEjection must not be shorter than baseEjection/,
    /maximumEjection must not be shorter than baseEjection/,
  ],
  [
    of({ outlierDetection: { maximumEjection: '5s' } }),
    /maximumEjection must not be shorter than baseEjection/,
    /maximumEjection must not be shorter than baseEjection/,
  ],
  [
    of({ outlierDetection: { maximumEjectedPercent: 0 } }),
    /maximumEjectedPercent must be an integer from 1 to 100/,
    /maximumEjectedPercent: Invalid value: 0/,
  ],
  [of({ circuitBreaker: {} }), /^spec\.circuitBreaker needs one of/, /circuitBreaker: .*at least 1/],
  [
    of({ circuitBreaker: { maximumRequests: 0 } }),
    /maximumRequests must be an integer from 1/,
    /maximumRequests: Invalid value: 0/,
  ],
  [of({ retryBudget: {} }), /^spec\.retryBudget needs percent/, /retryBudget: .*at least 1/],
  [of({ healthCheck: {} }), /healthCheck\.type is required/, /healthCheck\.type: Required value/],
  [
    of({ healthCheck: { type: 'TCP', http: {} } }),
    /http is only for where type is HTTP/,
    /http is only for where type is HTTP/,
  ],
  [
    of({ healthCheck: { type: 'HTTP', grpc: {} } }),
    /grpc is only for where type is GRPC/,
    /grpc is only for where type is GRPC/,
  ],
  [
    of({ healthCheck: { type: 'HTTP', http: { path: 'healthz' } } }),
    /path must be a path that begins with/,
    /path: Invalid value: "healthz"/,
  ],
  [
    of({ healthCheck: { type: 'HTTP', http: { expectedStatuses: [{ start: 300, end: 200 }] } } }),
    /expectedStatuses\[0\]\.end must not be less than start/,
    /end must not be less than start/,
  ],
  [
    of({ healthCheck: { type: 'TCP', interval: '1ms' } }),
    /interval must be a duration from 100ms to 1h/,
    /interval: .*must be from 100ms to 1h/,
  ],
  [of({ backendFailover: {} }), /backendFailover\.mode is required/, /backendFailover\.mode: Required value/],
  [of({ faults: [{}] }), /faults\[0\] needs delay or abort/, /delay or abort must be there/],
  [of({ faults: [{ abort: {} }] }), /abort needs status or grpcStatus/, /status or grpcStatus must be there/],
  [of({ faults: [{ delay: {} }] }), /delay\.duration is required/, /delay\.duration: Required value/],
  [
    of({ faults: [{ delay: { duration: '0s' } }] }),
    /duration must be a duration from 1ms to 1h/,
    /duration: .*must be from 1ms to 1h/,
  ],
  [
    of({ faults: [{ abort: { status: 503, percent: 100.5 } }] }),
    /percent must be a number from 0 to 100/,
    /percent: Invalid value: 100\.5/,
  ],
  [
    of({ faults: [{ matches: [{ header: 'a:b', value: 'c' }], abort: { status: 503 } }] }),
    /header must be an HTTP field name/,
    /header: Invalid value: "a:b"/,
  ],
  [of({ rateLimits: [{ per: '1s' }] }), /rateLimits\[0\]\.requests is required/, /requests: Required value/],
  [of({ rateLimits: [{ requests: 1 }] }), /rateLimits\[0\]\.per is required/, /per: Required value/],
  [
    of({ rateLimits: [{ requests: 1, per: '1ms' }] }),
    /per must be a duration from 50ms to 24h/,
    /per: .*must be from 50ms to 24h/,
  ],
  [
    of({ rateLimits: [{ requests: 10, per: '1s', burst: 5 }] }),
    /burst must not be less than requests/,
    /burst must not be less than requests/,
  ],
  [
    of({ rateLimits: [{ requests: 1, per: '1s', by: { type: 'Header' } }] }),
    /by\.header is required/,
    /header must be there where type is Header/,
  ],
  [
    of({ rateLimits: [{ requests: 1, per: '1s', by: {} }] }),
    /by\.type is required/,
    /by\.type: Required value/,
  ],
  [
    of({ adaptiveConcurrency: { minimumLimit: 10, maximumLimit: 5 } }),
    /maximumLimit must not be less than minimumLimit/,
    /maximumLimit must not be less than minimumLimit/,
  ],
  [
    of({ adaptiveConcurrency: { maximumLimit: 5 } }),
    /maximumLimit must not be less than minimumLimit/,
    /maximumLimit must not be less than minimumLimit/,
  ],
  [
    of({ adaptiveConcurrency: { mode: 'Off', minimumLimit: 5 } }),
    /minimumLimit is only for where mode is On/,
    /with mode Off nothing else is said/,
  ],
  [of({ hedging: {} }), /hedging\.after is required/, /hedging\.after: Required value/],
  [
    of({ hedging: { after: '1s', maximum: 4 } }),
    /maximum must be an integer from 0 to 3/,
    /maximum: Invalid value: 4/,
  ],
]
