import { mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { request } from 'undici'
import type { RunningControlPlane } from '../../control-plane/app.ts'
import { controlPlaneOfManifests } from '../control-plane/of-manifests.ts'
import type { Teardown } from '../pair/testing/pair.ts'

/** The namespace of the clients. */
export const NAMESPACE = 'shop'

/** A control plane that follows a folder of manifests; clients reach it in plaintext. */
export class World {
  readonly folder: string
  readonly #running: RunningControlPlane
  #addresses = 0

  private constructor(folder: string, running: RunningControlPlane) {
    this.folder = folder
    this.#running = running
  }

  static async start(t: Teardown): Promise<World> {
    const folder = mkdtempSync(join(tmpdir(), 'weft-clients-'))
    t.teardown(() => rmSync(folder, { recursive: true, force: true }))
    return new World(folder, await controlPlaneOfManifests(t, folder))
  }

  /** What a client is started with (docs/proxyless-grpc.md); `more` goes beside it, `metadata` to its node. */
  bootstrap(id: string, metadata: Readonly<Record<string, string>> = {}, more: object = {}): object {
    return {
      xds_servers: [
        {
          server_uri: `127.0.0.1:${this.#running.plaintextPort}`,
          channel_creds: [{ type: 'insecure' }],
          server_features: ['xds_v3'],
        },
      ],
      node: { id, locality: {}, metadata: { NAMESPACE, ...metadata } },
      ...more,
    }
  }

  /** Writes a file of manifests in the place of the one before; no manifests leave it empty. */
  put(file: string, ...manifests: readonly string[]): void {
    writeFileSync(join(this.folder, 'new'), manifests.join('---\n'))
    renameSync(join(this.folder, 'new'), join(this.folder, 'manifests', `${file}.yaml`))
  }

  /** A Service on port 50051 without endpoints. */
  service(name: string, namespace = NAMESPACE, more = ''): void {
    const clusterIP = `10.96.1.${++this.#addresses}`
    this.put(
      `service-${name}`,
      `apiVersion: v1
kind: Service
metadata: { name: ${name}, namespace: ${namespace} }
spec: { clusterIP: ${clusterIP}, ports: [{ name: grpc, port: 50051${more} }] }
`,
    )
  }

  /** The only endpoint of a Service, on loopback. */
  endpoint(service: string, port: number, namespace = NAMESPACE, pod = ''): void {
    this.put(
      `endpoints-${service}`,
      `apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: { name: ${service}-1, namespace: ${namespace}, labels: { kubernetes.io/service-name: ${service} } }
addressType: IPv4
ports: [{ name: grpc, port: ${port} }]
endpoints: [{ addresses: [127.0.0.1]${pod === '' ? '' : `, targetRef: { kind: Pod, name: ${pod} }`} }]
`,
    )
  }

  /** What clients refused, by node; empty when all took everything. */
  async refusals(): Promise<Readonly<Record<string, string>>> {
    const { body } = await request(`http://127.0.0.1:${this.#running.httpPort}/api/proxies`)
    const { proxies } = (await body.json()) as {
      proxies: readonly { readonly node: string; readonly rejected: string }[]
    }
    return Object.fromEntries(
      proxies.filter(({ rejected }) => rejected !== '').map(({ node, rejected }) => [node, rejected]),
    )
  }
}

/** A route of `service` with these rules, in YAML's flow style. */
export function route(
  kind: 'HTTPRoute' | 'GRPCRoute',
  service: string,
  rules: readonly string[],
  { namespace = NAMESPACE, parent = NAMESPACE, annotations = '{}' } = {},
): string {
  return `apiVersion: gateway.networking.k8s.io/v1
kind: ${kind}
metadata: { name: ${service}, namespace: ${namespace}, annotations: ${annotations} }
spec:
  parentRefs: [{ group: '', kind: Service, namespace: ${parent}, name: ${service}, port: 50051 }]
  rules:
${rules.map((rule) => `    - ${rule}\n`).join('')}`
}

/** `backendRefs` of a rule, by name and weight. */
export function to(weights: Readonly<Record<string, number>>, namespace = NAMESPACE): string {
  const refs = Object.entries(weights).map(
    ([name, weight]) => `{ name: ${name}, namespace: ${namespace}, port: 50051, weight: ${weight} }`,
  )
  return `backendRefs: [${refs.join(', ')}]`
}
