import { join } from 'node:path'
import {
  CONTROL_PLANE,
  GRPC_PORT,
  HTTP_PORT,
  INJECTOR,
  READY_PATH,
  SYSTEM_NAMESPACE,
  WEBHOOK_PORT,
} from '../../core/contract.ts'
import packageJson from '../../package.json' with { type: 'json' }
import type { DesiredState } from '../manifest/objects.ts'
import { NODE_ADDRESS } from '../controllers/addresses.ts'
import { keyOf, workloadKey } from '../manifest/objects.ts'
import { parseObject } from '../manifest/parse-object.ts'
import type { ParsedObject } from '../manifest/parse-object.ts'

export const INJECTOR_UID = 1339

export interface SystemPaths {
  /** Directories that the control plane reads manifests from, in this order; a later one wins. */
  readonly manifests: readonly string[]
  /** A file in one of them. */
  readonly problems: string
  readonly ca: string
  /** Where Canaries keep how far they are. */
  readonly canaries: string
  readonly tokenKeys: string
  readonly injector: string
}

/** The mesh's own part of the cluster: what a chart would install, for one machine. */
export function systemObjects(paths: SystemPaths, trustDomain: string, collector?: string): ParsedObject[] {
  const own = new Set([...paths.manifests, paths.ca, paths.canaries, paths.tokenKeys, paths.injector])
  return [
    { apiVersion: 'v1', kind: 'Namespace', metadata: { name: SYSTEM_NAMESPACE } },
    account(CONTROL_PLANE),
    account(INJECTOR),
    deployment(
      CONTROL_PLANE,
      {
        name: 'control-plane',
        args: [
          'control-plane',
          ...paths.manifests.flatMap((path) => ['--manifests', path]),
          '--problems',
          paths.problems,
          '--ca-dir',
          paths.ca,
          '--state-dir',
          paths.canaries,
          '--store',
          join(paths.canaries, 'telemetry'),
          '--token-key-dir',
          paths.tokenKeys,
          '--grpc',
          `0.0.0.0:${GRPC_PORT}`,
          '--http',
          `0.0.0.0:${HTTP_PORT}`,
          // As the dashboard's port of this machine comes to the pod; pods have addresses of their own.
          '--http-acts-from',
          NODE_ADDRESS.v4,
          '--trust-domain',
          trustDomain,
          // One machine is for looking at things: every request leaves a trace.
          '--trace-sampling',
          '1',
          ...(collector === undefined ? [] : ['--collector', collector]),
        ],
        ports: [
          { name: 'grpc', containerPort: GRPC_PORT },
          { name: 'http', containerPort: HTTP_PORT },
        ],
        readinessProbe: { tcpSocket: { port: GRPC_PORT }, periodSeconds: 1 },
        // Root of the cluster reads what its user can read, whoever owns it.
        securityContext: { runAsUser: 0, capabilities: { drop: ['ALL'], add: ['DAC_OVERRIDE'] } },
      },
      [...paths.manifests, paths.ca, paths.canaries, paths.tokenKeys],
    ),
    deployment(
      INJECTOR,
      {
        name: 'injector',
        args: [
          'injector',
          '--listen',
          `0.0.0.0:${WEBHOOK_PORT}`,
          '--cert-file',
          `${paths.injector}/tls.crt`,
          '--key-file',
          `${paths.injector}/tls.key`,
          '--settings',
          `${paths.injector}/settings.json`,
          // Nobody here goes on sending to a pod that ends.
          '--drain-seconds',
          '0',
        ],
        ports: [{ name: 'webhook', containerPort: WEBHOOK_PORT }],
        readinessProbe: {
          httpGet: { path: READY_PATH, port: WEBHOOK_PORT, scheme: 'HTTPS' },
          periodSeconds: 1,
        },
        securityContext: {
          runAsUser: INJECTOR_UID,
          allowPrivilegeEscalation: false,
          capabilities: { drop: ['ALL'] },
        },
      },
      [paths.injector],
    ),
    service(CONTROL_PLANE, [
      { name: 'grpc', port: GRPC_PORT, appProtocol: 'grpc' },
      { name: 'http', port: HTTP_PORT, appProtocol: 'http' },
    ]),
    service(INJECTOR, [{ name: 'webhook', port: WEBHOOK_PORT, appProtocol: 'https' }]),
  ].map((object) => parseObject(object, () => {}, own))
}

/** The manifests' wish with the mesh's own objects in it; the mesh's win. */
export function withSystem(desired: DesiredState, system: readonly ParsedObject[]): DesiredState {
  const namespaces = new Map(desired.namespaces)
  const serviceAccounts = new Set(desired.serviceAccounts)
  const workloads = new Map(desired.workloads)
  const services = new Map(desired.services)
  for (const { kind, object } of system) {
    if (kind === 'Namespace') namespaces.set(object.name, object)
    else if (kind === 'ServiceAccount') serviceAccounts.add(keyOf(object))
    else if (kind === 'Workload') workloads.set(workloadKey(object), object)
    else if (kind === 'Service') services.set(keyOf(object), object)
  }
  return { ...desired, namespaces, serviceAccounts, workloads, services }
}

function account(name: string): object {
  return { apiVersion: 'v1', kind: 'ServiceAccount', metadata: { name, namespace: SYSTEM_NAMESPACE } }
}

function service(name: string, ports: readonly object[]): object {
  return {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name, namespace: SYSTEM_NAMESPACE, labels: { app: name } },
    spec: { selector: { app: name }, ports },
  }
}

/** Directories of the machine are mounted where they are, so that messages name a path that its user knows. */
function deployment(
  name: string,
  container: { name: string; [field: string]: unknown },
  directories: readonly string[],
): object {
  return {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name, namespace: SYSTEM_NAMESPACE, labels: { app: name } },
    spec: {
      replicas: 1,
      selector: { matchLabels: { app: name } },
      template: {
        metadata: { labels: { app: name } },
        spec: {
          serviceAccountName: name,
          terminationGracePeriodSeconds: 5,
          containers: [
            {
              image: `${name}:${packageJson.version}`,
              ...container,
              volumeMounts: directories.map((path, index) => ({
                name: `directory-${index}`,
                mountPath: path,
              })),
            },
          ],
          volumes: directories.map((path, index) => ({ name: `directory-${index}`, hostPath: { path } })),
        },
      },
    },
  }
}
