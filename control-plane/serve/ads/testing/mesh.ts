import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { silentLogger } from '../../../../core/log.ts'
import { createMesh, type MeshView } from '../../../mesh.ts'
import { MemorySource } from '../../../registry/memory-source.ts'
import * as takes from '../../../xds/client-takes.ts'
import type { MeshClient } from '../../../xds/client.ts'

/** The manifests that the golden cases stand on: Services and pods of the namespaces `mesh` and `other`. */
export const BASE = readFileSync(join(import.meta.dirname, '../../../golden/base.yaml'), 'utf8')

export const SIDECAR: MeshClient = { namespace: 'mesh', pod: 'client', takes: takes.SIDECAR }
export const GRPC: MeshClient = { namespace: 'mesh', pod: '', takes: takes.GRPC_LIBRARY }
export const ENVOY: MeshClient = { namespace: 'mesh', pod: '', takes: takes.ENVOY }

export interface EditedMesh {
  readonly source: MemorySource
  readonly view: () => MeshView
}

/** A mesh of these manifests, which a test edits through `source`. */
export function meshOf(...manifests: readonly string[]): EditedMesh {
  const source = MemorySource.of(...manifests)
  const mesh = createMesh({ source, trustDomain: 'cluster.local', log: silentLogger })
  return { source, view: () => mesh.snapshot.value }
}

/** Route of the Service mesh/echo: shares of its two versions. */
export function split(one: number, two: number): string {
  return `apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: { name: canary, namespace: mesh }
spec:
  parentRefs: [{ group: '', kind: Service, name: echo }]
  rules:
    - backendRefs: [{ name: echo-v1, port: 80, weight: ${one} }, { name: echo-v2, port: 80, weight: ${two} }]
`
}

/** A Service in the namespace mesh at 10.96.9.<last>, port 80. */
export function service(name: string, last: number): string {
  return `apiVersion: v1
kind: Service
metadata: { name: ${name}, namespace: mesh }
spec: { clusterIP: 10.96.9.${last}, ports: [{ name: http, port: 80, targetPort: 8080 }] }
`
}

/** Endpoints of a Service in the namespace mesh; no pod is known at these addresses. */
export function slice(name: string, addresses: readonly string[]): string {
  return `apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: { name: ${name}-1, namespace: mesh, labels: { kubernetes.io/service-name: ${name} } }
addressType: IPv4
ports: [{ name: http, port: 8080 }]
endpoints: [${addresses.map((ip) => `{ addresses: [${ip}] }`).join(', ')}]
`
}
