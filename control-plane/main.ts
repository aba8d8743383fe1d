import { fileURLToPath } from 'node:url'
import { CONTROL_PLANE, GRPC_PORT, HTTP_PORT, SYSTEM_NAMESPACE, systemServiceHost } from '../core/contract.ts'
import { writeCompileCache } from '../core/compile-cache.ts'
import { describeError, WeftError } from '../core/errors.ts'
import { hostPort, isLoopback, logLevel, numberBetween, parseFlags, required } from '../core/flags.ts'
import { createLogger } from '../core/log.ts'
import { startControlPlane, type ControlPlaneOptions } from './app.ts'
import { manifestsPlatform } from './platform/manifests.ts'
import type { OpenPlatform } from './platform/platform.ts'
import { KEEP_ALIVE_FLAGS, readKeepAlive } from './keep-alive-flags.ts'
import { QUOTA_FLAGS, readQuotas } from './quotas.ts'
import { readDashboard } from './serve/rest/dashboard-files.ts'

export const CONTROL_PLANE_HELP = `Usage: weft control-plane --kubernetes [flags]
       weft control-plane --manifests DIR --ca-dir DIR --token-key-dir DIR [flags]

Serves the mesh: configuration (xDS over gRPC), certificates, telemetry, the REST API and the dashboard.

In a cluster, several at once; writes route status, trust bundles and the webhook's certificate:
  --kubernetes           read and follow the cluster's objects; the CA is the Secret weft-ca
  --kubeconfig FILE      which cluster (in a pod its own; else KUBECONFIG, then ~/.kube/config)
  --context NAME         of the kubeconfig (its current-context)
  --namespace NS         where Weft is installed (${SYSTEM_NAMESPACE})
  --issuer-secret NAME   a Secret in NS with a CA of your own that signs, as cert-manager keeps one (tls.crt, tls.key,
                         ca.crt; a P-256 key); waited for, and followed when it is renewed (off: Weft's own CA)

On one machine:
  --manifests DIR        Kubernetes manifests to read and follow; may be given again, the last one wins
  --problems FILE        problems that something else found in them, as "weft local validate --json" prints them; shown with
                         the control plane's own
  --ca-dir DIR           the mesh's CA: made on first use, mode 0600
  --token-key-dir DIR    holds token-key.pub, which service account tokens are checked by

Both:
  --trust-domain NAME    of SPIFFE IDs (cluster.local)
  --grpc HOST:PORT       discovery, signing and OTLP, over TLS (127.0.0.1:${GRPC_PORT})
  --grpc-plaintext HOST:PORT
                         discovery alone, without TLS and tokens, for other xDS clients on this machine; a
                         loopback address (off)
  --http HOST:PORT       dashboard, REST, /live and /ready (127.0.0.1:${HTTP_PORT})
  --http-host NAME       a name that --http is asked by, e.g. an Ingress's; may be given again (addresses, localhost and
                         --dns-name always are; other names are refused, so that no web page can read it)
  --dns-name NAME        in the certificate of --grpc; may be given again (weft-control-plane.NS.svc)
  --certificate-hours N  life of workload certificates, 0.001 to 24 (24)
  --drain-seconds N      over which proxies are sent to other replicas, one by one, after SIGTERM, 0 to 600 (10)
  --trace-sampling N     share of requests that begin a trace, 0 to 1 (0.01)
  --log-level LEVEL      debug, info, warn or error (info)

When sidecars ask a silent peer whether it is there, unless the annotation of that name says otherwise (docs/limits.md):
  --ping-interval TIME   silence of another sidecar before a PING, 1s to 1h (10s)
  --ping-timeout TIME    for its answer, 1s to 10m (5s)
  --tcp-keepalive-time TIME
                         silence before the kernel asks, 1s to 1h (3s)
  --tcp-keepalive-interval TIME
                         between two such probes, 1s to 1h (1s)
  --tcp-keepalive-probes N
                         unanswered ones, 1 to 127 (10)

What callers may take, so that none shuts out the others:
  --calls-per-pod N      calls of one pod that are open at once, 1 to 1024 (32)
  --kib-per-second-per-pod N
                         what one pod may send over time, and four times that at once, 16 to 65536 (1024)
  --series-mib-per-pod N memory for what the sidecar of one pod counts, 1 to 1024 (4)
  --series-mib-per-namespace N
                         for those of one namespace, 1 to 4096 (16)
  --series-mib N         for all of them, 1 to 16384 (32)
  --traces-mib N         memory for traces, 1 to 16384 (64)

  --help                 this text

Exit code: 0 stopped by SIGTERM or SIGINT, 1 could not serve, 2 wrong flags.
`

const DASHBOARD = fileURLToPath(new URL('../dashboard/page', import.meta.url))

/** `weft control-plane`: serves until SIGTERM or SIGINT. Resolves to the exit code. */
export async function runControlPlane(argv: readonly string[]): Promise<number> {
  let options: ControlPlaneOptions | 'help'
  try {
    options = readFlags(argv)
  } catch (error) {
    process.stderr.write(
      `weft control-plane: ${describeError(error)} (weft control-plane --help lists the flags)\n`,
    )
    return 2
  }
  if (options === 'help') {
    process.stdout.write(CONTROL_PLANE_HELP)
    return 0
  }
  const stop = new AbortController()
  const stopped = new Promise<void>((resolve) => {
    for (const signal of ['SIGTERM', 'SIGINT'] as const) {
      process.once(signal, () => {
        stop.abort()
        resolve()
      })
    }
  })
  try {
    const running = await startControlPlane({ ...options, signal: stop.signal })
    const { grpcPort: grpc, httpPort: http, plaintextPort: plaintext } = running
    options.log.info('control plane ready', { grpc, http, plaintext, trustDomain: options.trustDomain })
    writeCompileCache()
    await stopped
    options.log.info('stopping')
    await running.close()
    return 0
  } catch (error) {
    if (stop.signal.aborted) return 0
    process.stderr.write(`weft control-plane: ${describeError(error)}\n`)
    return 1
  }
}

function readFlags(argv: readonly string[]): ControlPlaneOptions | 'help' {
  const text = { type: 'string' } as const
  const list = { type: 'string', multiple: true } as const
  const { values } = parseFlags({
    args: [...argv],
    options: {
      kubernetes: { type: 'boolean' },
      kubeconfig: text,
      context: text,
      namespace: text,
      'issuer-secret': text,
      manifests: list,
      problems: text,
      'ca-dir': text,
      'token-key-dir': text,
      'trust-domain': text,
      grpc: text,
      'grpc-plaintext': text,
      http: text,
      'http-host': list,
      'dns-name': list,
      'certificate-hours': text,
      'drain-seconds': text,
      'trace-sampling': text,
      'log-level': text,
      ...textOptions(KEEP_ALIVE_FLAGS),
      ...textOptions(QUOTA_FLAGS),
      help: { type: 'boolean' },
    },
  })
  if (values.help) return 'help'
  const plaintext = values['grpc-plaintext']
  const grpcPlaintext = plaintext === undefined ? undefined : hostPort('--grpc-plaintext', plaintext)
  if (grpcPlaintext && !isLoopback(grpcPlaintext.host)) {
    const message = 'must be a loopback address: whoever reaches it reads the mesh without a token'
    throw new WeftError('cli.flags', message, { field: '--grpc-plaintext' })
  }
  const service = systemServiceHost(CONTROL_PLANE, values.namespace)
  const dnsNames = values['dns-name'] ?? [service, `${service}.cluster.local`]
  const hours = values['certificate-hours']
  return {
    platform: platformOf(values, dnsNames),
    trustDomain: values['trust-domain'] ?? 'cluster.local',
    dnsNames,
    grpc: hostPort('--grpc', values.grpc ?? `127.0.0.1:${GRPC_PORT}`),
    grpcPlaintext,
    http: hostPort('--http', values.http ?? `127.0.0.1:${HTTP_PORT}`),
    httpHosts: values['http-host'] ?? [],
    samplingPercent: 100 * numberBetween('--trace-sampling', values['trace-sampling'] ?? '0.01', 0, 1),
    leafLifeMs:
      hours === undefined ? undefined : numberBetween('--certificate-hours', hours, 0.001, 24) * 3_600_000,
    drainMs: numberBetween('--drain-seconds', values['drain-seconds'] ?? '10', 0, 600) * 1000,
    limits: readKeepAlive(values),
    quotas: readQuotas(values),
    dashboard: readDashboard(DASHBOARD),
    log: createLogger('control-plane', logLevel('--log-level', values['log-level'] ?? 'info')),
  }
}

function textOptions<const Name extends string>(names: readonly Name[]): Record<Name, { type: 'string' }> {
  return Object.fromEntries(names.map((name) => [name, { type: 'string' }])) as Record<
    Name,
    { type: 'string' }
  >
}

interface PlatformFlags {
  readonly kubernetes?: boolean
  readonly kubeconfig?: string
  readonly context?: string
  readonly namespace?: string
  readonly 'issuer-secret'?: string
  readonly manifests?: readonly string[]
  readonly problems?: string
  readonly 'ca-dir'?: string
  readonly 'token-key-dir'?: string
}

/** One of the two, and no flag of the other. What a cluster takes is loaded only for one. */
function platformOf(values: PlatformFlags, dnsNames: readonly string[]): OpenPlatform {
  const without = (names: readonly (keyof PlatformFlags)[], message: string): void => {
    const given = names.find((name) => values[name] !== undefined)
    if (given) throw new WeftError('cli.flags', message, { field: `--${given}` })
  }
  if (!values.kubernetes) {
    without(['kubeconfig', 'context', 'namespace', 'issuer-secret'], 'goes with --kubernetes only')
    if (!values.manifests?.length) {
      throw new WeftError('cli.flags', 'is required, or --kubernetes', { field: '--manifests' })
    }
    return manifestsPlatform({
      manifests: values.manifests,
      problems: values.problems,
      caDirectory: required('--ca-dir', values['ca-dir']),
      tokenKeyDirectory: required('--token-key-dir', values['token-key-dir']),
    })
  }
  without(
    ['manifests', 'problems', 'ca-dir', 'token-key-dir'],
    'does not go with --kubernetes: the cluster has all of that',
  )
  const { kubeconfig, context, namespace = SYSTEM_NAMESPACE, 'issuer-secret': issuerSecret } = values
  return async (platformContext) => {
    const { kubernetesPlatform } = await import('./platform/kubernetes.ts')
    return kubernetesPlatform({ kubeconfig, context, namespace, issuerSecret, dnsNames })(platformContext)
  }
}
