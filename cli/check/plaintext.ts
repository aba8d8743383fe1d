import type { Mesh } from '../../control-plane/model/mesh.ts'
import type { MeshObject } from '../../control-plane/registry/kinds/kinds.ts'
import { applyChanges, EMPTY_SNAPSHOT } from '../../control-plane/registry/snapshot.ts'
import { takesNoPlaintext } from '../../control-plane/serve/checks/plaintext.ts'
import type {
  CallRow,
  ObservedView,
  ObservedWorkload,
} from '../../control-plane/serve/telemetry/observed-view.ts'
import { Translator } from '../../control-plane/translate/translate.ts'
import { WeftError } from '../../core/errors.ts'
import { textAt } from '../cluster/objects.ts'
import { clusterMesh, firstBody, type MeshApi } from '../mesh/mesh-api.ts'
import { readObserved } from '../policy/observed.ts'
import { callerOf, countText, spanText } from '../policy/suggest/certainty.ts'
import { ok, unknown, warning, type Check, type Finding } from './finding.ts'

const SINCE_SECONDS = 24 * 3600

type Said = Omit<Finding, 'check'>

/**
 * Who still calls in plaintext, as servers' sidecars saw it: what would be refused once STRICT is on. One finding for each caller of
 * each port that is not STRICT yet; what a policy refuses anyway is left out.
 */
export const plaintext: Check = {
  name: 'plaintext',
  async run({ connection, system, namespace }) {
    const api = clusterMesh(connection, system)
    try {
      const { coverage, ...view } = await readObserved(api, namespace, SINCE_SECONDS)
      const mesh = await meshOf(api, system)
      const findings = [...callers(view, mesh), ...notSeen(view)]
      findings.push(
        ...coverage.missing.map(({ replica, reason }) =>
          unknown(`${replica} may know of more callers: ${reason}`),
        ),
      )
      return findings.length > 0
        ? findings
        : [
            ok(
              `nobody was seen to call in plaintext whom STRICT would refuse, at ${countText(view.workloads.length, 'workload')} ` +
                `in ${spanText(view.now - view.since)}`,
            ),
          ]
    } catch (error) {
      if (!(error instanceof WeftError) || !/^(mesh|policy)\./.test(error.code)) throw error
      return [unknown(error.message)]
    }
  },
}

/** As the control planes read it. Undefined: they do not tell, so that every port may take plaintext. */
async function meshOf(api: Pick<MeshApi, 'ask'>, systemNamespace: string): Promise<Mesh | undefined> {
  const [objects, overview] = await Promise.all([api.ask('authorization/objects'), api.ask('mesh')])
  // As the control plane of this release gives it under this address.
  const body = firstBody(objects) as unknown as { readonly objects: readonly MeshObject[] } | undefined
  if (!body) return undefined
  const snapshot = applyChanges(
    EMPTY_SNAPSHOT,
    body.objects.map((object) => ({ op: 'put', object })),
  )
  const trustDomain = textAt(firstBody(overview), 'trustDomain')
  return new Translator({ trustDomain, systemNamespace }).translate(snapshot)
}

function* callers(view: ObservedView, mesh: Mesh | undefined): Generator<Said> {
  for (const workload of view.workloads) {
    const byCaller = new Map<string, CallRow>()
    for (const call of workload.calls) {
      if (call.source !== '' || call.outcome === 'refused' || takesNoPlaintext(mesh, workload, call)) continue
      const key = `${call.port} ${call.address}`
      const other = byCaller.get(key)
      byCaller.set(
        key,
        other ? { ...call, count: other.count + call.count, first: Math.min(other.first, call.first) } : call,
      )
    }
    for (const call of byCaller.values()) yield plainFinding(view, workload, call)
  }
}

function plainFinding(view: ObservedView, { namespace, name }: ObservedWorkload, call: CallRow): Said {
  const since = new Date(Math.max(view.since, call.first)).toISOString().slice(0, 19)
  return warning(
    `${callerOf(call)} calls ${namespace}/${name}:${call.port} in plaintext, ${countText(call.count, 'call')} since ${since}Z: ` +
      `it would be refused once ${namespace} is STRICT; give it a sidecar, or that port PERMISSIVE by portLevelMtls`,
  )
}

function* notSeen({ workloads, evicted }: ObservedView): Generator<Said> {
  const others = workloads.flatMap(({ watched }) => watched).reduce((sum, pod) => sum + pod.others, 0)
  if (others > 0)
    yield unknown(`${countText(others, 'call')} found no room in the sidecars: who made them is not known`)
  if (evicted > 0)
    yield unknown(`the control plane forgot ${countText(evicted, 'kind')} of calls, for want of room`)
}
