import { readFileSync } from 'node:fs'
import { isIP } from 'node:net'
import { fileURLToPath } from 'node:url'
import { CONTROL_PLANE, REPLICA_TOKEN_PATH, SYSTEM_NAMESPACE, systemServiceHost } from '../core/contract.ts'
import { writeCompileCache } from '../core/compile-cache.ts'
import { describeError, WeftError } from '../core/errors.ts'
import { printHelp, usageProblem } from '../core/command-line/help.ts'
import { parseCommand } from '../core/command-line/parse.ts'
import type { FlagValues } from '../core/command-line/parse.ts'
import { hostPort, isLoopback, numberBetween, required } from '../core/flags.ts'
import { createLogger } from '../core/log.ts'
import { readSignerName } from '../core/cluster-trust-bundle.ts'
import { checkTrustDomain } from '../certs/spiffe-id.ts'
import { TRUST_LIMITS } from '../core/mesh-trust.ts'
import { startControlPlane, type ControlPlaneOptions, type HttpsOptions } from './app.ts'
import { CONTROL_PLANE_COMMAND } from './command.ts'
import { readBundleSources } from './federation/sources.ts'
import { readIssuer } from './issuers/issuer-flags.ts'
import type { IssuerChoice } from './issuers/open-issuer.ts'
import { manifestsPlatform } from './platform/manifests.ts'
import type { HttpAuth } from './platform/kubernetes.ts'
import type { OpenPlatform } from './platform/platform.ts'
import { readKeepAlive } from './keep-alive-flags.ts'
import { readQuotas } from './quotas.ts'
import { addressRule } from './jwks/allowed-address.ts'
import { tracingAddress } from './serve/outside/tracing-address.ts'
import { collectorAddress } from './serve/telemetry/forwarder.ts'
import { STORE_IN_MEMORY } from './store/store.ts'
import { secretsOf } from './serve/access/proxied-user.ts'
import { readDashboard } from './serve/rest/dashboard-files.ts'

/** Built: of a bundle beside it, of a clone in its dist/. */
const DASHBOARD = fileURLToPath(
  new URL(import.meta.url.endsWith('.ts') ? '../dist/dashboard/page' : '../dashboard/page', import.meta.url),
)

/** `weft control-plane`: serves until SIGTERM or SIGINT. Resolves to the exit code. */
export async function runControlPlane(argv: readonly string[]): Promise<number> {
  let options: ControlPlaneOptions | 'help'
  try {
    options = readFlags(argv)
  } catch (error) {
    process.stderr.write(usageProblem(CONTROL_PLANE_COMMAND, error))
    return 2
  }
  if (options === 'help') {
    printHelp(CONTROL_PLANE_COMMAND)
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
    const { grpcPort: grpc, httpPort: http, httpsPort: https, plaintextPort: plaintext } = running
    options.log.info('control plane ready', {
      grpc,
      http,
      https,
      plaintext,
      trustDomain: options.trustDomain,
    })
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
  const parsed = parseCommand(CONTROL_PLANE_COMMAND, argv)
  if (parsed === 'help') return 'help'
  const { values } = parsed
  const plaintext = values['grpc-plaintext']
  const grpcPlaintext = plaintext === undefined ? undefined : hostPort('--grpc-plaintext', plaintext)
  if (grpcPlaintext && !isLoopback(grpcPlaintext.host)) {
    const message = 'must be a loopback address: whoever reaches it reads the mesh without a token'
    throw new WeftError('cli.flags', message, { field: '--grpc-plaintext' })
  }
  const service = systemServiceHost(CONTROL_PLANE, values.namespace)
  const dnsNames = values['dns-name'] ?? [service, `${service}.cluster.local`]
  const hours = values['certificate-hours']
  const trustDomain = values['trust-domain']
  const trustDomainAliases = readAliases(values['trust-domain-aliases'], trustDomain)
  return {
    platform: platformOf(values, dnsNames),
    trustDomain,
    trustDomainAliases,
    federation: readBundleSources(
      values['federated-bundle'] ?? [],
      [trustDomain, ...trustDomainAliases],
      '--federated-bundle',
    ),
    dnsNames,
    grpc: hostPort('--grpc', values.grpc),
    grpcPlaintext,
    http: hostPort('--http', values.http),
    https: readHttps(values),
    httpHosts: values['http-host'] ?? [],
    samplingPercent: 100 * numberBetween('--trace-sampling', values['trace-sampling'], 0, 1),
    leafLifeMs:
      hours === undefined ? undefined : numberBetween('--certificate-hours', hours, 0.001, 24) * 3_600_000,
    collector: values.collector === undefined ? undefined : collectorAddress('--collector', values.collector),
    tracing: tracingAddress(values),
    jwks: {
      allowed: addressRule(values['jwks-allow']),
      http: values['jwks-http'] ?? false,
      ca: values['jwks-ca'] === undefined ? undefined : readCertificates('--jwks-ca', values['jwks-ca']),
    },
    limits: readKeepAlive(values),
    drainMs: numberBetween('--drain-seconds', values['drain-seconds'], 0, 600) * 1000,
    quotas: readQuotas(values),
    store: {
      ...STORE_IN_MEMORY,
      directory: values.store,
      maxBytes: numberBetween('--store-mib', values['store-mib'], 16, 65_536) * 1024 * 1024,
    },
    dashboard: readDashboard(DASHBOARD),
    log: createLogger('control-plane', values['log-level']),
  }
}

/** Of `a,b`. Throws WeftError. */
function readAliases(text: string | undefined, trustDomain: string): readonly string[] {
  const field = '--trust-domain-aliases'
  const aliases = text === undefined ? [] : text.split(',').map((name) => checkTrustDomain(name, field))
  const wrong =
    new Set([trustDomain, ...aliases]).size <= aliases.length
      ? 'names a trust domain twice, or the one of --trust-domain'
      : aliases.length > TRUST_LIMITS.aliases
        ? `has ${aliases.length} names; at most ${TRUST_LIMITS.aliases}`
        : undefined
  if (wrong !== undefined) throw new WeftError('cli.flags', wrong, { field })
  return aliases
}

function readCertificates(flag: string, file: string): string {
  let text: string
  try {
    text = readFileSync(file, 'utf8')
  } catch (cause) {
    throw new WeftError('cli.flags', `cannot be read: ${describeError(cause)}`, { field: flag, cause })
  }
  if (text.includes('-----BEGIN CERTIFICATE-----')) return text
  throw new WeftError('cli.flags', `${file} holds no certificate in PEM`, { field: flag })
}

type Values = FlagValues<typeof CONTROL_PLANE_COMMAND>

/** One of the two, and no flag of the other. What a cluster takes is loaded only for one. */
function platformOf(values: Values, dnsNames: readonly string[]): OpenPlatform {
  const without = (names: readonly (keyof Values)[], message: string): void => {
    const given = names.find((name) => values[name] !== undefined)
    if (given) throw new WeftError('cli.flags', message, { field: `--${given}` })
  }
  const issuer = readIssuer(values)
  const own = issuer.kind === 'own'
  if (!own)
    without(['issuer-secret', 'ca-dir'], `does not go with --issuer=${issuer.kind}: no CA is here then`)
  if (!values.kubernetes) {
    without(
      [
        'kubeconfig',
        'context',
        'namespace',
        'http-auth',
        'replica-token',
        'http-proxy-secret',
        'http-proxy-prefix',
        'issuer-secret',
        'cluster-trust-bundle',
        'cni-repair',
      ],
      'goes with --kubernetes only',
    )
    if (!values.manifests?.length) {
      throw new WeftError('cli.flags', 'is required, or --kubernetes', { field: '--manifests' })
    }
    if (issuer.kind === 'kubernetes-csr')
      throw new WeftError('cli.flags', 'kubernetes-csr goes with --kubernetes only', { field: '--issuer' })
    return manifestsPlatform({
      dnsNames,
      manifests: values.manifests,
      problems: values.problems,
      stateDirectory: values['state-dir'],
      machine: readAddresses('--http-acts-from', values['http-acts-from'] ?? []),
      issuer: own ? { kind: 'own', caDirectory: required('--ca-dir', values['ca-dir']) } : issuer,
      tokenKeyDirectory: required('--token-key-dir', values['token-key-dir']),
    })
  }
  without(
    ['manifests', 'problems', 'ca-dir', 'state-dir', 'token-key-dir', 'http-acts-from'],
    'does not go with --kubernetes: the cluster has all of that',
  )
  const { kubeconfig, context, namespace = SYSTEM_NAMESPACE, 'issuer-secret': issuerSecret } = values
  const httpAuth = readHttpAuth(values)
  const clusterTrustBundle = readClusterTrustBundle(values['cluster-trust-bundle'], issuer)
  return async (platformContext) => {
    const { kubernetesPlatform } = await import('./platform/kubernetes.ts')
    const options = {
      ...{ kubeconfig, context, namespace, issuer, issuerSecret },
      ...{ httpAuth, clusterTrustBundle, dnsNames, cniRepair: values['cni-repair'] ?? 'off' },
    }
    return kubernetesPlatform(options)(platformContext)
  }
}

/** Throws WeftError. */
function readHttps(values: Values): HttpsOptions | undefined {
  const { https, 'https-cert': certificate, 'https-key': key } = values
  const wrong = (field: string, message: string): never => {
    throw new WeftError('cli.flags', message, { field })
  }
  if (https === undefined) {
    if (certificate !== undefined || key !== undefined)
      wrong(certificate === undefined ? '--https-key' : '--https-cert', 'goes with --https only')
    return undefined
  }
  const address = hostPort('--https', https)
  if (certificate === undefined && key === undefined) return { address }
  if (certificate === undefined || key === undefined)
    return wrong(certificate === undefined ? '--https-cert' : '--https-key', 'is required with the other')
  return { address, files: { certificate, key } }
}

/** Throws WeftError. */
function readHttpAuth(values: Values): HttpAuth | undefined {
  const { 'http-auth': how = 'none', 'replica-token': file } = values
  const proxy = readProxy(values)
  if (how === 'kubernetes') return { replicaTokenFile: file ?? REPLICA_TOKEN_PATH, proxy }
  if (how !== 'none')
    throw new WeftError('cli.flags', `"${how}" must be none or kubernetes`, { field: '--http-auth' })
  if (file === undefined && proxy === undefined) return undefined
  const field = file === undefined ? '--http-proxy-secret' : '--replica-token'
  throw new WeftError('cli.flags', 'goes with --http-auth kubernetes only', { field })
}

/** Throws WeftError. */
function readProxy(values: Values): HttpAuth['proxy'] {
  const { 'http-proxy-secret': secretFile, 'http-proxy-prefix': prefix } = values
  if (secretFile === undefined) {
    if (prefix === undefined) return undefined
    throw new WeftError('cli.flags', 'goes with --http-proxy-secret only', { field: '--http-proxy-prefix' })
  }
  try {
    secretsOf(secretFile)
  } catch (error) {
    throw new WeftError('cli.flags', describeError(error), { field: '--http-proxy-secret' })
  }
  if (prefix?.startsWith('system:'))
    throw new WeftError('cli.flags', 'must not begin with system:, as the names of the cluster do', {
      field: '--http-proxy-prefix',
    })
  return { secretFile, prefix: prefix ?? '' }
}

/** Throws WeftError. */
function readAddresses(field: string, addresses: readonly string[]): readonly string[] {
  const wrong = addresses.find((address) => isIP(address) === 0)
  if (wrong === undefined) return addresses
  throw new WeftError('cli.flags', `"${wrong}" must be an IP address`, { field })
}

/** Throws WeftError. */
function readClusterTrustBundle(signer: string | undefined, issuer: IssuerChoice): string | undefined {
  if (signer === undefined) return undefined
  const field = '--cluster-trust-bundle'
  // What is read there is what is written there: a root that was taken away would never go.
  if (issuer.kind === 'kubernetes-csr' && issuer.configMap === undefined && issuer.signerName === signer)
    throw new WeftError('cli.flags', 'is --issuer-signer, whose bundles are read: name another one', {
      field,
    })
  return readSignerName(field, signer)
}
