// A control plane in a process of its own, so that it can be killed, with a clock that may differ from everybody else's.
import { systemClock } from '../../core/clock.ts'
import { createLogger } from '../../core/log.ts'
import { startControlPlane } from '../../control-plane/app.ts'
import { manifestsPlatform } from '../../control-plane/platform/manifests.ts'

export const CONTROL_PLANE_NAME = 'weft-control-plane.weft-system.svc'

/** What its one argument says, as JSON. */
export interface ControlPlaneSettings {
  readonly manifests: string
  readonly ca: string
  readonly keys: string
  readonly port: number
  readonly leafSeconds: number
  readonly skewSeconds: number
  readonly trustDomain: string
  readonly aliases: readonly string[]
}

if (import.meta.main) {
  const settings = JSON.parse(process.argv[2] ?? '{}') as ControlPlaneSettings
  const running = await startControlPlane({
    platform: manifestsPlatform({
      manifests: [settings.manifests],
      issuer: { kind: 'own', caDirectory: settings.ca },
      tokenKeyDirectory: settings.keys,
      caRefreshMs: 500,
    }),
    trustDomain: settings.trustDomain,
    trustDomainAliases: settings.aliases,
    dnsNames: [CONTROL_PLANE_NAME],
    grpc: { host: '127.0.0.1', port: settings.port },
    grpcPlaintext: undefined,
    http: { host: '127.0.0.1', port: 0 },
    samplingPercent: 0,
    leafLifeMs: settings.leafSeconds * 1000,
    clock: { ...systemClock, now: () => Date.now() + settings.skewSeconds * 1000 },
    dashboard: new Map(),
    log: createLogger('control-plane', 'warn'),
  })
  process.stdout.write(`ready ${running.grpcPort}\n`)
}
