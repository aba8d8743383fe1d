import { isDeepStrictEqual } from 'node:util'
import { CONTROLLER_NAME } from '../../core/contract.ts'
import { MESH_PRESET, type MeshSettings } from '../model/mesh-policy.ts'
import type { PolicyProblem } from '../model/policy-problem.ts'
import type { TokenRule } from '../model/token-rule.ts'
import type { PolicyStatus } from '../model/policy-status.ts'
import { MESH_POLICY_NAME, type MeshPolicyObject } from '../registry/kinds/mesh-policy.ts'
import type { Snapshot } from '../registry/snapshot.ts'

export interface MeshPolicies {
  readonly settings: MeshSettings
  /** Whose tokens every pod verifies. */
  readonly tokenRules: readonly TokenRule[]
  readonly status: readonly PolicyStatus[]
  readonly problems: readonly PolicyProblem[]
}

const NONE: MeshPolicies = { settings: MESH_PRESET, tokenRules: [], status: [], problems: [] }

/** Decides which MeshPolicy is in force; what comes out the same keeps its identity. */
export class MeshPolicyTranslator {
  readonly #systemNamespace: string
  #input: unknown
  #result = NONE

  constructor(systemNamespace: string) {
    this.#systemNamespace = systemNamespace
  }

  translate({ meshPolicies }: Pick<Snapshot, 'meshPolicies'>): MeshPolicies {
    if (this.#input === meshPolicies) return this.#result
    this.#input = meshPolicies
    if (meshPolicies.size === 0) return (this.#result = NONE)
    const before = this.#result
    const all = [...meshPolicies.values()].map((policy) => ({ policy, problem: this.#problemOf(policy) }))
    const inForce = all.find(({ problem }) => problem === undefined)?.policy
    const settings = inForce ? settingsOf(inForce) : MESH_PRESET
    // Which of the two it is tells who said it, also where both say the same.
    const same = inForce && before.settings !== MESH_PRESET && isDeepStrictEqual(before.settings, settings)
    return (this.#result = {
      settings: same ? before.settings : settings,
      tokenRules: inForce?.tokenRules ?? NONE.tokenRules,
      status: all.map(({ policy, problem }) => statusOf(policy, problem)),
      problems: all.flatMap(({ problem }) => problem ?? []),
    })
  }

  #problemOf({ kind, meta: { namespace, name } }: MeshPolicyObject): PolicyProblem | undefined {
    const wanted = `${this.#systemNamespace}/${MESH_POLICY_NAME}`
    if (`${namespace}/${name}` === wanted) return undefined
    const elsewhere = namespace !== this.#systemNamespace
    return {
      kind,
      namespace,
      name,
      field: elsewhere ? 'metadata.namespace' : 'metadata.name',
      reason: 'Invalid',
      message: `says nothing: the mesh has one MeshPolicy, ${wanted}`,
      remedy: elsewhere
        ? `put it into namespace ${this.#systemNamespace}, with the name ${MESH_POLICY_NAME}`
        : `name it ${MESH_POLICY_NAME}, or write what it says into that one`,
    }
  }
}

function settingsOf(policy: MeshPolicyObject): MeshSettings {
  return {
    mtls: policy.mtls ?? MESH_PRESET.mtls,
    decision: policy.decision ?? MESH_PRESET.decision,
    audit: policy.audit ?? MESH_PRESET.audit,
    dryRunNamespaces: policy.dryRunNamespaces,
    openConnectionsMs: policy.openConnectionsMs ?? MESH_PRESET.openConnectionsMs,
    namespaces: new Map(policy.namespaces.map(({ name, mtls, decision }) => [name, { mtls, decision }])),
  }
}

function statusOf(
  { kind, meta, unreadable }: MeshPolicyObject,
  problem: PolicyProblem | undefined,
): PolicyStatus {
  const { namespace, name, generation } = meta
  const wrong = problem?.message ?? (unreadable ? UNREADABLE : undefined)
  return {
    kind,
    namespace,
    name,
    ancestors: [
      {
        ancestorRef: { group: '', kind: 'Namespace', name: namespace },
        controllerName: CONTROLLER_NAME,
        conditions: [
          {
            type: 'Accepted',
            status: wrong === undefined ? 'True' : 'False',
            reason: wrong === undefined ? 'Accepted' : 'Invalid',
            message: wrong ?? 'in force in the whole mesh',
            observedGeneration: generation,
          },
        ],
      },
    ],
  }
}

const UNREADABLE =
  'it cannot be read: mTLS and the default decision are as strict as can be where it does not say them well'
