import { CONTROL_PLANE, systemServiceHost } from '../core/contract.ts'
import { inSection, LOG_LEVEL_FLAG } from '../core/command-line/description.ts'
import type { CommandDescription } from '../core/command-line/description.ts'

/** `weft proxy`. */
export const PROXY_COMMAND = {
  name: 'proxy',
  summary: 'run a proxy: a sidecar, or alone from a bootstrap file',
  usage: [
    '--bootstrap FILE [flags]',
    '--sidecar --control-plane HOST:PORT --trust-domain NAME --state-dir DIR --token-file FILE --ca-file FILE [flags]',
  ],
  about:
    "Runs the proxy: alone, from a file that is a subset of Envoy's bootstrap (docs/bootstrap.md), or as a pod's sidecar.",
  flags: {
    ...inSection('Alone:', {
      bootstrap: { value: 'FILE', help: 'listeners and clusters, YAML or JSON' },
      check: { help: 'read the file, say what is wrong with it, and end' },
      collector: {
        value: 'ADDRESS',
        help: 'where spans and metrics go: grpc://HOST:4317 or http://HOST:4318',
        otherwise: 'nowhere',
      },
    }),
    ...inSection(
      'Sidecar (the injector writes these; POD_NAME, POD_NAMESPACE, POD_IPS, SERVICE_ACCOUNT, WEFT_APP_PROBES come from ' +
        'the environment, and so do POD_UID and NODE_NAME where they are known):',
      {
        sidecar: { help: "run as a pod's sidecar" },
        'control-plane': { value: 'HOST:PORT', help: 'where configuration and certificates come from' },
        'control-plane-name': {
          value: 'NAME',
          help: 'in its certificate',
          otherwise: `the HOST of --control-plane; for an address ${systemServiceHost(CONTROL_PLANE)}`,
        },
        'trust-domain': { value: 'NAME', help: 'of SPIFFE IDs' },
        'state-dir': {
          value: 'DIR',
          help: 'a tmpfs of the pod: certificate and configuration for a restart',
        },
        'token-file': { value: 'FILE', help: 'service account token, audience weft' },
        'ca-file': { value: 'FILE', help: 'roots of the mesh' },
        'stitch-dir': {
          value: 'DIR',
          help: 'a directory that the applications share: what carries traces on in them is written there',
        },
        'passthrough-idle-seconds': {
          value: 'N',
          help: 'connections to what is none of the mesh end after so long without a byte; 0: never',
          otherwise: '3600',
        },
      },
    ),
    ...inSection(
      'Both (OTEL_RESOURCE_ATTRIBUTES in the environment names the service in telemetry: docs/telemetry-names.md):',
      {
        'access-log': {
          value: 'MODE',
          choices: ['off', 'failed', 'all'],
          default: 'failed',
          help: 'off, failed or all, as JSON lines on standard output; annotations go before it',
        },
        'metric-names': {
          value: 'LIST',
          default: 'weft',
          help: 'under whose names Prometheus finds requests: weft, istio, flagger, or several with commas between',
        },
        'trace-sampling': {
          value: 'N',
          help: 'share of undecided requests that begin a trace, 0 to 1',
          otherwise: 'as configured',
        },
        'drain-seconds': {
          value: 'N',
          default: '30',
          help: 'after SIGTERM, the longest time for what still runs',
        },
        'max-connections': {
          value: 'N',
          help: 'that others may have open here; more are closed at once',
          otherwise: '10000, or what the descriptors allow',
        },
        concurrency: { value: 'N', default: '1', help: 'event loops; 1 is what there is today' },
        'log-level': LOG_LEVEL_FLAG,
      },
    ),
  },
  exit: '0 stopped by SIGTERM or SIGINT (or --check found nothing), 1 could not serve, 2 wrong flags',
  examples: [
    { command: 'weft proxy --bootstrap proxy.yaml --check', does: 'Is the file right?' },
    { command: 'weft proxy --bootstrap proxy.yaml --access-log all', does: 'Run it, each request on a line' },
  ],
} as const satisfies CommandDescription
