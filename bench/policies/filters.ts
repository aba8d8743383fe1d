import { createMesh } from '../../control-plane/mesh.ts'
import { MemorySource } from '../../control-plane/registry/memory-source.ts'
import { SIDECAR } from '../../control-plane/xds/client-takes.ts'
import { WeftError } from '../../core/errors.ts'
import { silentLogger } from '../../core/log.ts'
import { HttpConnectionManager } from '../../core/xds/generated/envoy.js'
import { readable } from '../../core/xds/readable.ts'
import { unpackAny } from '../../core/xds/any.ts'
import { policyObjects, SERVER } from './objects.ts'

/**
 * What the control plane tells the server's sidecar of the objects: the RBAC filters of its inbound HTTP chain, as JSON
 * of a bootstrap file. Throws WeftError `bench.policies` when it tells none, or finds fault with a policy.
 */
export function policyFilters(): readonly object[] {
  const source = MemorySource.of(
    policyObjects()
      .map((one) => JSON.stringify(one))
      .join('\n---\n'),
  )
  const mesh = createMesh({ source, trustDomain: 'cluster.local', trustDomainAliases: [], log: silentLogger })
  try {
    const view = mesh.snapshot.value
    const [problem] = view.model.policyProblems
    if (problem)
      throw new WeftError('bench.policies', `a policy is not as it should be: ${JSON.stringify(problem)}`)
    const client = { namespace: SERVER.namespace, pod: SERVER.pod, takes: SIDECAR }
    const { message } = view.resource('listener', 'inbound', client) ?? {}
    const chain = message?.filterChains?.find(({ name }) => name === `${SERVER.port}/mtls-http`)
    const packed = chain?.filters?.[0]?.typedConfig
    const manager = packed && readable(HttpConnectionManager, unpackAny(packed, HttpConnectionManager))
    const filters = (manager?.['httpFilters'] ?? []) as readonly { readonly name: string }[]
    const found = filters.filter(({ name }) => name.startsWith('envoy.filters.http.rbac'))
    if (found.length < 2)
      throw new WeftError('bench.policies', 'the translation gives no DENY and ALLOW stages')
    return found
  } finally {
    mesh.close()
  }
}
