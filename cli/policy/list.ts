import { listAt, textAt, valueAt } from '../cluster/objects.ts'
import { tableText } from '../cluster/table.ts'
import { firstBody } from '../mesh/mesh-api.ts'
import { runMeshCommand } from '../mesh/mesh-command.ts'
import { POLICY_LIST_COMMAND } from './command.ts'

/** `weft policy list`. Resolves to the exit code. */
export function runPolicyList(argv: readonly string[]): Promise<number> {
  return runMeshCommand(POLICY_LIST_COMMAND, argv, async ({ values, mesh }) => {
    const page = firstBody(await (await mesh()).ask('policies'))
    const policies = listAt(page, 'policies').filter(
      (one) => values.namespace === undefined || textAt(one, 'namespace') === values.namespace,
    )
    const rows = policies.flatMap((policy) => {
      const own = [textAt(policy, 'namespace'), textAt(policy, 'kind'), textAt(policy, 'name')]
      const targets = listAt(policy, 'targets')
      if (targets.length === 0) return [[...own, '-', '-', '']]
      return targets.map((target) => {
        const accepted = valueAt(target, 'accepted') === true
        const place = [textAt(target, 'namespace'), textAt(target, 'name')].filter((part) => part !== '')
        const partly = textAt(target, 'partly')
        const state = !accepted
          ? `refused: ${textAt(target, 'reason')}`
          : partly === ''
            ? 'in force'
            : 'in part'
        const message = partly === '' ? textAt(target, 'message') : partly
        return [...own, `${textAt(target, 'kind')} ${place.join('/')}`, state, message]
      })
    })
    const text =
      rows.length === 0
        ? 'there are no policies\n'
        : tableText(['NAMESPACE', 'KIND', 'NAME', 'TARGET', 'STATE', 'MESSAGE'], rows)
    return { text, json: { policies }, code: 0 }
  })
}
