import {
  APP_PROBES_VARIABLE,
  CA_FILE,
  HEALTH_PORT,
  INIT_CONTAINER,
  METRICS_PORT,
  NODE_NAME_VARIABLE,
  POD_IPS_VARIABLE,
  PROXY_PROTOCOL_VARIABLE,
  POD_NAMESPACE_VARIABLE,
  POD_NAME_VARIABLE,
  POD_UID_VARIABLE,
  PROXY_CONTAINER,
  PROXY_GID,
  PROXY_UID,
  READY_PATH,
  RESOURCE_ATTRIBUTES_VARIABLE,
  SERVICE_ACCOUNT_VARIABLE,
  STATE_DIRECTORY,
  STITCH_DIRECTORY,
  TOKEN_FILE,
  ZONE_LABEL,
  ZONE_VARIABLE,
} from '../core/contract.ts'
import { formatProxyProtocolPorts } from '../core/proxy-protocol.ts'
import type { JsonObject } from './json-patch.ts'
import type { PodSettings } from './pod-settings.ts'
import { encodeProbes } from './probes.ts'
import type { AppProbes } from '../core/app-probe.ts'
import { captureArgs } from './rules/flags.ts'
import { stitchMount } from './stitching.ts'
import { sidecarMounts } from './volumes.ts'

/** The container that sets the capture rules and exits; or, where a CNI plugin set them, that sees whether they are there. */
export function initContainer(settings: PodSettings): JsonObject {
  return {
    name: INIT_CONTAINER,
    image: settings.initImage,
    imagePullPolicy: settings.imagePullPolicy,
    args: ['init', ...(settings.cni ? ['--validate'] : captureArgs(settings.capture))],
    // Why it holds the pod back, for whoever describes the pod.
    ...(settings.cni ? { terminationMessagePolicy: 'FallbackToLogsOnError' } : {}),
    // The sidecar's: quotas want them on every container, and a pod asks for the larger, not the sum.
    resources: resources(settings),
    securityContext: settings.cni
      ? unprivileged(VALIDATOR_ID)
      : {
          runAsUser: 0,
          runAsGroup: 0,
          runAsNonRoot: false,
          privileged: false,
          allowPrivilegeEscalation: false,
          readOnlyRootFilesystem: true,
          capabilities: { drop: ['ALL'], add: ['NET_ADMIN', 'NET_RAW'] },
          seccompProfile: { type: 'RuntimeDefault' },
        },
  }
}

/** User and group of the validator: not the sidecar's, whose connections nobody captures. */
const VALIDATOR_ID = 65532

/** What Pod Security `restricted` asks of a container, and more. */
function unprivileged(id: number): JsonObject {
  return {
    runAsUser: id,
    runAsGroup: id,
    runAsNonRoot: true,
    privileged: false,
    allowPrivilegeEscalation: false,
    readOnlyRootFilesystem: true,
    capabilities: { drop: ['ALL'] },
    seccompProfile: { type: 'RuntimeDefault' },
  }
}

/** The sidecar; with the native order an init container that goes on running. `resource`: of podResource. */
export function proxyContainer(settings: PodSettings, probes: AppProbes, resource: string): JsonObject {
  return {
    name: PROXY_CONTAINER,
    image: settings.proxyImage,
    imagePullPolicy: settings.imagePullPolicy,
    args: proxyArgs(settings),
    env: [
      fieldEnv(POD_NAME_VARIABLE, 'metadata.name'),
      fieldEnv(POD_NAMESPACE_VARIABLE, 'metadata.namespace'),
      fieldEnv(POD_IPS_VARIABLE, 'status.podIPs'),
      fieldEnv(SERVICE_ACCOUNT_VARIABLE, 'spec.serviceAccountName'),
      fieldEnv(POD_UID_VARIABLE, 'metadata.uid'),
      fieldEnv(NODE_NAME_VARIABLE, 'spec.nodeName'),
      fieldEnv(ZONE_VARIABLE, `metadata.labels['${ZONE_LABEL}']`),
      ...(resource === '' ? [] : [{ name: RESOURCE_ATTRIBUTES_VARIABLE, value: resource }]),
      ...(Object.keys(probes).length > 0 ? [{ name: APP_PROBES_VARIABLE, value: encodeProbes(probes) }] : []),
      ...(settings.proxyProtocol.size > 0
        ? [{ name: PROXY_PROTOCOL_VARIABLE, value: formatProxyProtocolPorts(settings.proxyProtocol) }]
        : []),
    ],
    ports: [
      { name: 'weft-health', containerPort: HEALTH_PORT, protocol: 'TCP' },
      { name: 'weft-metrics', containerPort: METRICS_PORT, protocol: 'TCP' },
    ],
    ...(settings.order === 'native' ? { restartPolicy: 'Always' } : {}),
    // Native: what comes after waits for this one. A minute covers a control plane that starts too.
    startupProbe: { httpGet: ready(), periodSeconds: 1, timeoutSeconds: 2, failureThreshold: 120 },
    readinessProbe: { httpGet: ready(), periodSeconds: 5, timeoutSeconds: 2, failureThreshold: 3 },
    resources: resources(settings),
    securityContext: { ...unprivileged(PROXY_UID), runAsGroup: PROXY_GID },
    volumeMounts: [...sidecarMounts(), ...(settings.stitchTraces ? [stitchMount] : [])],
  }
}

/** Flags of `weft proxy --sidecar`; those that have the proxy's own default are left out. */
function proxyArgs(settings: PodSettings): string[] {
  const args = ['proxy', '--sidecar', '--control-plane', settings.controlPlane]
  args.push('--trust-domain', settings.trustDomain, '--state-dir', STATE_DIRECTORY)
  args.push('--token-file', TOKEN_FILE, '--ca-file', CA_FILE)
  args.push('--log-level', settings.logLevel, '--drain-seconds', String(settings.drainSeconds))
  if (settings.concurrency !== undefined) args.push('--concurrency', String(settings.concurrency))
  if (settings.traceSampling !== undefined) args.push('--trace-sampling', String(settings.traceSampling))
  const names = settings.metricNames.join(',')
  if (names !== 'weft') args.push('--metric-names', names)
  if (settings.stitchTraces) args.push('--stitch-dir', STITCH_DIRECTORY)
  // The rest of the mesh's connections is told by the control plane; what passes it by, only here.
  if (settings.idleTimeoutMs !== undefined)
    args.push('--passthrough-idle-seconds', String(settings.idleTimeoutMs / 1000))
  return args
}

function ready(): JsonObject {
  return { path: READY_PATH, port: HEALTH_PORT, scheme: 'HTTP' }
}

function fieldEnv(name: string, fieldPath: string): JsonObject {
  return { name, valueFrom: { fieldRef: { apiVersion: 'v1', fieldPath } } }
}

function resources({
  resources: { cpuRequest, cpuLimit, memoryRequest, memoryLimit },
}: PodSettings): JsonObject {
  return {
    requests: { cpu: cpuRequest, memory: memoryRequest },
    limits: { cpu: cpuLimit, memory: memoryLimit },
  }
}
