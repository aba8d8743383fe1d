import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { silentLogger } from '../core/log.ts'
import { readable } from '../core/xds/readable.ts'
import { goldenText } from '../core/testing/golden.ts'
import { createMesh, type MeshView } from './mesh.ts'
import { written } from './translate/authorization/testing/written-rules.ts'
import { MemorySource } from './registry/memory-source.ts'
import { ENVOY, GRPC_LIBRARY, SIDECAR, SIDECAR_WITHOUT_RBAC } from './xds/client-takes.ts'
import type { MeshClient } from './xds/client.ts'
import type { ResourceType } from './xds/resource.ts'
import { CODECS } from './xds/resource.ts'

// One folder a rule: manifests.yaml beside base.yaml -> expected.json. UPDATE_GOLDEN=1 writes the latter.
const ROOT = join(import.meta.dirname, 'golden')
const base = readFileSync(join(ROOT, 'base.yaml'), 'utf8')

for (const folder of readdirSync(ROOT, { withFileTypes: true })) {
  if (!folder.isDirectory()) continue
  t.test(folder.name, (t) => {
    const text = readFileSync(join(ROOT, folder.name, 'manifests.yaml'), 'utf8')
    const mesh = createMesh({
      source: MemorySource.of(base, text),
      trustDomain: 'cluster.local',
      trustDomainAliases: header(text, 'aliases', '').split(' ').filter(Boolean),
      log: silentLogger,
    })
    const view = mesh.snapshot.value
    const items = header(text, 'show').split('; ')
    const seenBy = (client: MeshClient): Record<string, unknown> =>
      Object.fromEntries(items.map((item) => [item, show(view, item, client)]))
    // Several clients each see what is theirs.
    const clients = header(text, 'client').split('; ')
    const [only = '', ...more] = clients
    const shown =
      more.length === 0
        ? seenBy(clientOf(only))
        : Object.fromEntries(clients.map((name) => [name, seenBy(clientOf(name))]))
    mesh.close()
    const file = join(ROOT, folder.name, 'expected.json')
    const made = `${JSON.stringify(shown, null, 2)}\n`
    t.equal(made, goldenText(file, made))
    t.end()
  })
}

function show(view: MeshView, item: string, client: MeshClient): unknown {
  if (item === 'status') return view.routeStatus
  if (item === 'policies') return { status: view.policyStatus, problems: view.model.policyProblems }
  const [type, name] = item.split(' ') as [ResourceType | 'rules' | 'chain', string]
  if (type === 'rules') return rulesOf(view, name)
  if (type === 'chain') return chainOf(view, name, client)
  const resource = view.resource(type, name, client)
  return resource ? readable(CODECS[type], resource.message) : null
}

/** One filter chain of the listener of the client's own pod. */
function chainOf(view: MeshView, name: string, client: MeshClient): unknown {
  const { message } = view.resource('listener', 'inbound', client) ?? {}
  const chain = message?.filterChains?.find((one) => one.name === name)
  return readable(CODECS.listener, { filterChains: chain ? [chain] : [] })
}

/** What is asked at each port of a pod. */
function rulesOf({ model }: MeshView, key: string): unknown {
  const authorization = model.authorization.workloads.get(key)
  if (!authorization) return null
  const ports = Object.entries({
    ...Object.fromEntries(authorization.ports),
    undeclared: authorization.undeclared,
  })
  return Object.fromEntries(
    ports.map(([port, { http, tcp, sources, decision }]) => [
      port,
      {
        http: written(http),
        tcp: written(tcp),
        sources: sources.map(
          ({ namespace, name, level, target }) => `${namespace}/${name} ${level} ${target}`,
        ),
        decision: `${decision.value} ${decision.from}`,
      },
    ]),
  )
}

function clientOf(text: string): MeshClient {
  const [workload = '', kind = ''] = text.split(' ')
  const [namespace = '', pod = ''] = workload.split('/')
  const takes = [SIDECAR, SIDECAR_WITHOUT_RBAC, GRPC_LIBRARY, ENVOY].find(({ name }) => name === kind)
  if (!takes) throw new Error(`there is no client "${kind}"`)
  return { namespace, pod, takes }
}

function header(text: string, name: string, otherwise?: string): string {
  const line = text.split('\n').find((one) => one.startsWith(`# ${name}: `))
  if (line === undefined && otherwise !== undefined) return otherwise
  if (line === undefined) throw new Error(`manifests.yaml lacks a line "# ${name}: ..."`)
  return line.slice(name.length + 4)
}
