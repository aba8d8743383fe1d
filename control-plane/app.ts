import { fastify } from 'fastify'
import { ServerCredentials, type Metadata } from '@grpc/grpc-js'
import packageJson from '../package.json' with { type: 'json' }
import { openCaStore } from '../certs/ca-store.ts'
import { describeError, WeftError } from '../core/errors.ts'
import type { Logger } from '../core/log.ts'
import { createMesh } from './mesh.ts'
import { ManifestDirectorySource } from './registry/manifest-directory.ts'
import { discoveryService } from './serve/ads/service.ts'
import { serveGrpc, type GrpcAddress, type RunningGrpcServer } from './serve/grpc-server.ts'
import type { DashboardFile } from './serve/rest/dashboard-files.ts'
import { overviewOf } from './serve/rest/overview.ts'
import { rest } from './serve/rest/rest.ts'
import { serverCertificate } from './serve/server-certificate.ts'
import { signingService } from './serve/signing/service.ts'
import { MetricStore } from './serve/telemetry/metric-store.ts'
import { telemetryServices } from './serve/telemetry/receiver.ts'
import { TraceStore } from './serve/telemetry/trace-store.ts'
import { authenticate } from './serve/tokens/authenticate.ts'
import { localTokenVerifier } from './serve/tokens/verifier.ts'

export interface ControlPlaneOptions {
  /** Read for manifests; the last one wins. */
  readonly manifests: readonly string[]
  readonly caDirectory: string
  /** Holds the public key that service account tokens are checked by. */
  readonly tokenKeyDirectory: string
  readonly trustDomain: string
  /** Of the serving certificate. */
  readonly dnsNames: readonly string[]
  readonly grpc: GrpcAddress
  /** Discovery alone, without TLS and credentials, for xDS clients that are not ours; loopback only. */
  readonly grpcPlaintext: GrpcAddress | undefined
  readonly http: GrpcAddress
  /** 0 to 100. */
  readonly samplingPercent: number
  /** Of certificates for those who ask for no lifetime; milliseconds. */
  readonly leafLifeMs?: number | undefined
  /** How often the CA's directory is read again, in case another process rotated it; milliseconds, default a minute. */
  readonly caRefreshMs?: number
  readonly dashboard: ReadonlyMap<string, DashboardFile>
  readonly log: Logger
}

export interface RunningControlPlane {
  readonly grpcPort: number
  readonly plaintextPort: number | undefined
  readonly httpPort: number
  close(): Promise<void>
}

const CA_REFRESH_MS = 60_000

/**
 * One control plane: manifests -> mesh -> discovery, certificates, telemetry, REST. Resolves once it serves.
 * Throws WeftError for what cannot be opened or bound.
 */
export async function startControlPlane(options: ControlPlaneOptions): Promise<RunningControlPlane> {
  const { log, trustDomain } = options
  const closing: (() => unknown)[] = []
  const close = async (): Promise<void> => {
    for (const one of closing.splice(0).toReversed()) await one()
  }
  try {
    const authority = openAuthority(options, closing)
    const source = new ManifestDirectorySource({ directories: options.manifests, log })
    closing.push(() => source.close())
    const brain = createMesh({ source, trustDomain, log, samplingPercent: options.samplingPercent })
    closing.push(() => brain.close())

    const verifier = localTokenVerifier({ directory: options.tokenKeyDirectory, audience: 'weft' })
    const callerOf = (metadata: Metadata) => authenticate(verifier, metadata)
    const discovery = discoveryService({ snapshot: brain.snapshot, authenticate: callerOf, log })
    const open = discoveryService({ snapshot: brain.snapshot, authenticate: nobody, log })
    closing.push(() => discovery.close())
    closing.push(() => open.close())
    const proxies = () => [...discovery.proxies(), ...open.proxies()]

    const traces = new TraceStore()
    const metrics = new MetricStore()
    const certificate = serverCertificate({ authority, dnsNames: options.dnsNames, log })
    closing.push(() => certificate.close())

    const app = fastify({ forceCloseConnections: true })
    closing.push(() => app.close())
    await app.register(rest, {
      traces,
      metrics,
      release: packageJson.version,
      mesh: overviewOf(brain, trustDomain, proxies),
      dashboard: options.dashboard,
    })
    const httpPort = await listenHttp(app, options.http)

    const serve = async (...args: Parameters<typeof serveGrpc>): Promise<RunningGrpcServer> => {
      const server = await serveGrpc(...args)
      closing.push(() => server.close())
      return server
    }
    const grpc = await serve('--grpc', options.grpc, certificate.credentials, [
      discovery,
      signingService({
        authority,
        verifier,
        log,
        ...(options.leafLifeMs === undefined ? {} : { defaultLifeMs: options.leafLifeMs }),
      }),
      ...telemetryServices({ traces, metrics, authenticate: callerOf, log }),
    ])
    const plaintext =
      options.grpcPlaintext &&
      (await serve('--grpc-plaintext', options.grpcPlaintext, ServerCredentials.createInsecure(), [open]))
    return { grpcPort: grpc.port, plaintextPort: plaintext?.port, httpPort, close }
  } catch (error) {
    await close()
    throw error
  }
}

function openAuthority(options: ControlPlaneOptions, closing: (() => unknown)[]) {
  const { caDirectory, trustDomain, log, caRefreshMs = CA_REFRESH_MS } = options
  const store = openCaStore({ directory: caDirectory, trustDomain })
  const timer = setInterval(() => {
    try {
      store.refresh()
    } catch (error) {
      log.error('the CA could not be read again; what was read before signs on', {
        reason: describeError(error),
      })
    }
  }, caRefreshMs)
  timer.unref()
  closing.push(() => clearInterval(timer))
  return store.authority
}

async function nobody(): Promise<undefined> {}

interface Listening {
  listen(address: GrpcAddress): Promise<string>
  addresses(): readonly (string | { readonly port: number })[]
}

async function listenHttp(app: Listening, address: GrpcAddress): Promise<number> {
  try {
    await app.listen(address)
  } catch (cause) {
    const message = `cannot listen on ${address.host}:${address.port}: ${describeError(cause)}`
    throw new WeftError('serve.listen', message, { field: '--http', cause })
  }
  const [bound] = app.addresses()
  return typeof bound === 'object' ? bound.port : address.port
}
