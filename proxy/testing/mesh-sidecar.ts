import type { Test } from 'tap'
import { monotonicClock, type Clock } from '../../core/clock.ts'
import { Watched } from '../../core/watched.ts'
import { noTelemetry, type ConnectionRecord, type RequestRecord } from '../exchange/telemetry-sink.ts'
import type { DownstreamTls, UpstreamTls } from '../model/tls.ts'
import { Runtime } from '../runtime.ts'
import type { WorkloadSecrets } from '../transport/tls-contexts.ts'
import { readSpiffeId } from './mesh-identity.ts'
import type { TestConfiguration } from './static-configuration.ts'

const WORKLOAD = { kind: 'sds', name: 'default' } as const
export const MESH_ROOTS = { roots: { kind: 'sds', name: 'ROOTCA' }, subjectAltNames: [] } as const
/** Who comes has to show a certificate of the mesh. */
export const strict = (alpn: string[]): DownstreamTls => ({
  certificate: WORKLOAD,
  requireClientCertificate: true,
  validation: MESH_ROOTS,
  alpn,
})
/** Who answers has to. */
export const upstream = (alpn: string[]): UpstreamTls => ({
  certificate: WORKLOAD,
  validation: MESH_ROOTS,
  sni: '',
  alpn,
})
/** A proxy with an identity, and what it told of its requests and connections. */
export interface Sidecar {
  runtime: Runtime
  port: number
  configuration: TestConfiguration
  secrets: Watched<WorkloadSecrets | undefined>
  requests: RequestRecord[]
  connections: ConnectionRecord[]
}

/**
 * For tests of what is not about time: what waits for a part of a second before it does something else, such as a second
 * connection beside one that is slow, waits long enough for a busy machine.
 */
export const PATIENT_CLOCK: Clock = {
  now: () => monotonicClock.now(),
  after: (ms, task) => monotonicClock.after(ms * 50, task),
}

/** Until the end of the test; its listener is `front`, on a free port. */
export async function sidecar(
  t: Test,
  configuration: TestConfiguration,
  identity: WorkloadSecrets,
  clock?: Clock,
): Promise<Sidecar> {
  const requests: RequestRecord[] = []
  const connections: ConnectionRecord[] = []
  const secrets = new Watched<WorkloadSecrets | undefined>(identity)
  const runtime = new Runtime({
    configuration,
    secrets,
    readSpiffeId,
    telemetry: {
      ...noTelemetry,
      requestFinished: (record) => void requests.push({ ...record }),
      connectionFinished: (record) => void connections.push({ ...record }),
    },
    originalDestination: undefined,
    ownAddresses: [],
    ...(clock ? { clock } : {}),
  })
  await runtime.bindListeners((error) => t.fail(String(error)))
  t.teardown(() => runtime.close())
  return { runtime, port: runtime.boundPort('front') ?? 0, configuration, secrets, requests, connections }
}
