import { compile, type Decision } from '../../core/authorization/evaluate.ts'
import type { RequestFacts } from '../../core/authorization/facts.ts'
import { isLookalike } from '../../core/folded-name.ts'
import { createMesh, type MeshView } from '../../control-plane/mesh.ts'
import { rulesFor } from '../../control-plane/model/authorization.ts'
import { MemorySource } from '../../control-plane/registry/memory-source.ts'
import { silentLogger } from '../../core/log.ts'
import type { Call } from './scene.ts'
import type { WrittenObject } from './written.ts'
import { PODS, worldManifests } from './world.ts'

const WORLD = worldManifests()

/** The control plane's view of the world with these objects. */
export function viewOf(
  objects: readonly WrittenObject[],
  more: readonly object[] = [],
  world: readonly string[] = WORLD,
): MeshView {
  const texts = [...objects, ...more].map((object) => JSON.stringify(object))
  const source = MemorySource.of(...world, ...texts)
  const mesh = createMesh({ source, trustDomain: 'cluster.local', log: silentLogger })
  const errors = source.errors.value
  const view = mesh.snapshot.value
  mesh.close()
  if (errors.length > 0) throw new Error(JSON.stringify(errors))
  return view
}

/** What the product decides, from manifests by the control plane's translation to the decision function, without xDS. */
export function pureDecider(objects: readonly WrittenObject[]): (call: Call) => Decision {
  const { model } = viewOf(objects)
  return (call) => {
    const pod = PODS[call.pod]
    const workload = pod && model.workloads.get(`${pod.namespace}/${pod.name}`)
    if (!workload) throw new Error(`there is no pod ${call.pod}`)
    const { http, tcp } = rulesFor(model, workload, call.port)
    const facts = factsOf(call, pod.address)
    const decider = call.bytes ? compile(tcp, 'connection') : compile(http, 'request')
    const decision = decider.decide(facts)
    const narrowed = decider.narrow(facts).decide(facts)
    if (JSON.stringify(narrowed) !== JSON.stringify(decision))
      throw new Error(`${JSON.stringify(decision)}, and of the one connection ${JSON.stringify(narrowed)}`)
    return decision
  }
}

function factsOf(call: Call, destinationAddress: string): RequestFacts {
  return {
    identity: call.identity,
    sourceAddress: call.address,
    destinationAddress,
    destinationPort: call.port,
    sni: call.sni,
    method: call.method,
    authority: call.host,
    path: call.path,
    claims: call.claims,
    values: (name) => call.headers.filter(([key]) => key.toLowerCase() === name).map(([, value]) => value),
    lookalikes: (name) =>
      call.headers.filter(([key]) => isLookalike(key.toLowerCase(), name)).map(([, value]) => value),
  }
}
