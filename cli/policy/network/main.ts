import { WeftError } from '../../../core/errors.ts'
import { applyChanges, EMPTY_SNAPSHOT } from '../../../control-plane/registry/snapshot.ts'
import { Translator } from '../../../control-plane/translate/translate.ts'
import { runMeshCommand } from '../../mesh/mesh-command.ts'
import { objectsOf, trustDomainOf } from '../../mesh/mesh-objects.ts'
import { namespaceValue } from '../../mesh/namespace-value.ts'
import { POLICY_NETWORK_COMMAND } from './command.ts'
import { networkPolicies } from './network-policies.ts'
import { networkPoliciesText } from './text.ts'

/** `weft policy networkpolicy`. Resolves to the exit code. */
export function runPolicyNetwork(argv: readonly string[]): Promise<number> {
  return runMeshCommand(POLICY_NETWORK_COMMAND, argv, async (session) => {
    const given = namespaceValue(session.values.namespace)
    const api = await session.mesh()
    const namespace = given ?? api.namespace
    const snapshot = applyChanges(
      EMPTY_SNAPSHOT,
      (await objectsOf(api)).map((object) => ({ op: 'put', object })),
    )
    const mesh = new Translator({
      trustDomain: await trustDomainOf(api),
      systemNamespace: session.values['weft-namespace'],
    }).translate(snapshot)
    const workloads = networkPolicies(mesh, namespace)
    if (workloads.length === 0)
      throw new WeftError('policy.no_workload', `namespace ${namespace} has no pods with a sidecar`)
    const policies = workloads.flatMap(({ policy }) => policy ?? [])
    return {
      text: networkPoliciesText(workloads),
      json: {
        policies,
        workloads: workloads.map((one) => ({ ...one, policy: one.policy?.metadata.name ?? null })),
      },
      code: policies.length > 0 ? 0 : 1,
    }
  })
}
