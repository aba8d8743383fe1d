import type { AppProbe, AppProbes } from '../core/app-probe.ts'
import { HEALTH_PORT } from '../core/contract.ts'
import { isObject } from './json-patch.ts'
import type { Json, JsonObject, PatchOperation } from './json-patch.ts'
import type { ContainerView, PodView, ProbeKind } from './pod.ts'

export interface RewrittenProbes {
  readonly operations: readonly PatchOperation[]
  /** Those that were known already, too. */
  readonly probes: AppProbes
  readonly warnings: readonly string[]
}

const PATHS: Readonly<Record<ProbeKind, string>> = {
  readinessProbe: 'readyz',
  livenessProbe: 'livez',
  startupProbe: 'startupz',
}

// The kernel takes no environment string above 128 KiB (MAX_ARG_STRLEN).
const MAX_ENVIRONMENT_BYTES = 96 * 1024

/**
 * Points the network probes of a pod at the sidecar. Pointers are those of the pod as it came: these
 * operations go before any that inserts a container. A probe that can't be moved stays, with a warning.
 * `known`: those that the sidecar has already.
 */
export function rewriteProbes(pod: PodView, known: AppProbes = {}): RewrittenProbes {
  const operations: PatchOperation[] = []
  const probes: Record<string, AppProbe> = { ...known }
  const warnings: string[] = []
  let bytes = Object.entries(known).reduce((sum, [path, probe]) => sum + size(path, probe), 0)
  for (const container of [...pod.initContainers, ...pod.containers]) {
    for (const { kind, probe } of container.probes) {
      const original = readProbe(probe, container)
      if (original === 'local') continue
      const where = `${kind} of container ${container.name}`
      if (typeof original === 'string') {
        warnings.push(`${where} is left as it is: ${original}`)
        continue
      }
      const path = `/app-health/${container.name}/${PATHS[kind]}`
      bytes += size(path, original)
      if (bytes > MAX_ENVIRONMENT_BYTES) {
        warnings.push(`${where} is left as it is: the pod's probes are too long`)
        break
      }
      probes[path] = original
      operations.push({ op: 'replace', path: `${container.pointer}/${kind}`, value: pointed(probe, path) })
    }
    for (const hook of container.networkHooks) {
      warnings.push(
        `${hook} of container ${container.name} calls past the sidecar: STRICT refuses it; use exec`,
      )
    }
  }
  return { operations, probes, warnings }
}

function size(path: string, probe: AppProbe): number {
  return Buffer.byteLength(JSON.stringify(probe)) + path.length + 8
}

/** The value of APP_PROBES_VARIABLE. Without any `$`, because Kubernetes expands `$(NAME)` in values. */
export function encodeProbes(probes: AppProbes): string {
  return JSON.stringify(probes).replaceAll('$', String.raw`\u0024`)
}

function pointed(probe: JsonObject, path: string): JsonObject {
  const { httpGet: _http, tcpSocket: _tcp, grpc: _grpc, ...rest } = probe
  return { ...rest, httpGet: { path, port: HEALTH_PORT, scheme: 'HTTP' } }
}

/** The probe, or `local` for one that needs no network (exec), or why it can't be moved. */
function readProbe(probe: JsonObject, container: ContainerView): AppProbe | string {
  const timeoutSeconds = typeof probe['timeoutSeconds'] === 'number' ? probe['timeoutSeconds'] : 1
  const { httpGet, tcpSocket, grpc } = probe
  for (const action of [httpGet, tcpSocket]) {
    // The kubelet would call another address than the pod's: nothing that the sidecar stands before.
    if (isObject(action) && typeof action['host'] === 'string' && action['host'] !== '') return 'local'
  }
  if (isObject(httpGet)) {
    const port = resolvePort(httpGet['port'], container)
    if (port === undefined) return 'its port is unknown'
    if (port === HEALTH_PORT) return 'local'
    const path = typeof httpGet['path'] === 'string' && httpGet['path'] !== '' ? httpGet['path'] : '/'
    const scheme = httpGet['scheme'] === 'HTTPS' ? 'HTTPS' : 'HTTP'
    const httpHeaders = Array.isArray(httpGet['httpHeaders'])
      ? httpGet['httpHeaders'].flatMap(readHeader)
      : []
    return { httpGet: { path, port, scheme, httpHeaders }, timeoutSeconds }
  }
  if (isObject(tcpSocket)) {
    const port = resolvePort(tcpSocket['port'], container)
    return port === undefined ? 'its port is unknown' : { tcpSocket: { port }, timeoutSeconds }
  }
  if (isObject(grpc)) {
    const port = resolvePort(grpc['port'], container)
    const service = typeof grpc['service'] === 'string' ? grpc['service'] : ''
    return port === undefined ? 'its port is unknown' : { grpc: { port, service }, timeoutSeconds }
  }
  return 'local'
}

function readHeader(header: Json): { name: string; value: string }[] {
  if (!isObject(header)) return []
  const { name, value } = header
  return typeof name === 'string' && typeof value === 'string' ? [{ name, value }] : []
}

/** A number, or the name of one of the container's ports. */
function resolvePort(port: Json | undefined, container: ContainerView): number | undefined {
  const found =
    typeof port === 'string' && !/^[0-9]+$/.test(port)
      ? container.ports.find((known) => known.name === port)?.number
      : Number(port)
  return found !== undefined && Number.isInteger(found) && found >= 1 && found <= 65535 ? found : undefined
}
