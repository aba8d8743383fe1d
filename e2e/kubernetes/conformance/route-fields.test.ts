import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { parse } from 'yaml'
import { createMesh } from '../../../control-plane/mesh.ts'
import { MemorySource } from '../../../control-plane/registry/memory-source.ts'
import { parseManifests } from '../../../control-plane/registry/parse-manifests.ts'
import { silentLogger } from '../../../core/log.ts'
import { cacheDirectory } from '../../programs/cache.ts'
import { fieldsOf, recordReads, samplesOf, type Schema } from './crd-samples.ts'
import { isConformanceMade, SUITE_CRDS, SUITE_VERSION } from './programs.ts'

interface Definition {
  readonly spec: {
    readonly group: string
    readonly names: { readonly kind: string }
    readonly versions: readonly {
      readonly name: string
      readonly served: boolean
      readonly schema: { readonly openAPIV3Schema: Schema }
    }[]
  }
}

const FILES = [
  'gateway.networking.k8s.io_httproutes',
  'gateway.networking.k8s.io_grpcroutes',
  'gateway.networking.k8s.io_tlsroutes',
  'gateway.networking.k8s.io_tcproutes',
  'gateway.networking.x-k8s.io_xbackendtrafficpolicies',
]
/** Of gateways alone; and filters that the status of a route refuses by name. */
const NOT_READ = [/^spec\.useDefaultGateways$/, /\.filters\[\]\.(?:extensionRef|externalAuth)(?:$|\.)/]
/** Values that are refused by name: tries beyond any use. */
const REFUSED = [/^spec\.rules\[\d+\]\.retry\.attempts must be an integer from 0 to 1,000, got 2147483647$/]

const folder = join(cacheDirectory(), `gateway-api-conformance-${SUITE_VERSION}`, SUITE_CRDS)
const skip = isConformanceMade('conformance-suite')
  ? false
  : 'the definitions are not in the cache: npm run test:conformance brings them'

for (const file of FILES)
  t.test(`${file}: every field of ${SUITE_VERSION} is read, in all its values`, { skip }, (t) => {
    const { spec } = parse(readFileSync(join(folder, `${file}.yaml`), 'utf8')) as Definition
    for (const { name: version, served, schema } of spec.versions) {
      if (!served) continue
      const of = schema.openAPIV3Schema.properties?.['spec'] ?? {}
      const reads = new Set<string>()
      const refused = new Set<string>()
      for (const sample of samplesOf(of)) {
        const object = {
          apiVersion: `${spec.group}/${version}`,
          kind: spec.names.kind,
          metadata: { name: 'a' },
          spec: sample,
        }
        const { errors } = parseManifests('a', JSON.stringify(object), (value) => recordReads(value, reads))
        for (const { field, message } of errors)
          if (/^must be (?:one of|an integer|true or false|a string|a map|a list)/.test(message))
            refused.add(`${field} ${message}`)
      }
      const fields = fieldsOf(of, 'spec').filter((field) => !NOT_READ.some((one) => one.test(field)))
      t.ok(fields.length > 10, `${version} has fields`)
      t.same(
        fields.filter((field) => !reads.has(field)),
        [],
        `${version}: what is not read`,
      )
      t.same(
        [...refused].filter((one) => !REFUSED.some((known) => known.test(one))),
        [],
        `${version}: values that are refused`,
      )
    }
    t.end()
  })

t.test('filters that are not read are refused by name, wherever they stand', (t) => {
  const refs = [{ name: 'a', port: 80 }]
  const filters = {
    ExtensionRef: { extensionRef: { group: 'example.org', kind: 'Own', name: 'a' } },
    ExternalAuth: { externalAuth: { protocol: 'HTTP', backendRef: { name: 'a', port: 80 } } },
  }
  for (const kind of ['HTTPRoute', 'GRPCRoute'])
    for (const [type, body] of Object.entries(filters))
      for (const rule of [
        { filters: [{ type, ...body }], backendRefs: refs },
        { backendRefs: refs.map((ref) => ({ ...ref, filters: [{ type, ...body }] })) },
      ]) {
        const [condition] = conditionsOf(kind, rule)
        t.match(condition, { type: 'Accepted', status: 'False', reason: 'UnsupportedValue' })
        t.match(condition?.message, `filter ${type} is not supported`, `${kind}, ${type}`)
      }
  t.end()
})

function conditionsOf(kind: string, rule: unknown) {
  const service = { metadata: { name: 'a' }, spec: { clusterIP: '10.96.0.1', ports: [{ port: 80 }] } }
  const spec = { parentRefs: [{ group: '', kind: 'Service', name: 'a' }], rules: [rule] }
  const source = MemorySource.of(
    JSON.stringify({ apiVersion: 'v1', kind: 'Service', ...service }),
    JSON.stringify({ apiVersion: 'gateway.networking.k8s.io/v1', kind, metadata: { name: 'a' }, spec }),
  )
  const mesh = createMesh({ source, trustDomain: 'cluster.local', log: silentLogger })
  const [route] = mesh.snapshot.value.routeStatus
  mesh.close()
  return route?.parents[0]?.conditions ?? []
}
