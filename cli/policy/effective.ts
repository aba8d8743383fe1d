import type { Rule, Stage } from '../../core/authorization/rules.ts'
import { carriesHttp } from '../../control-plane/model/protocol.ts'
import { matcherText } from '../../core/authorization/words.ts'
import { WeftError } from '../../core/errors.ts'
import type {
  PortAuthorizationView,
  WorkloadAuthorizationView,
} from '../../control-plane/authorization-view.ts'
import { runMeshCommand } from '../mesh/mesh-command.ts'
import { POLICY_EFFECTIVE_COMMAND } from './command.ts'
import { sourceOf } from './decide.ts'
import { meshPolicies } from './policy-source.ts'
import { levelText } from './verdict-text.ts'

const NAME = /^[a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?$/

/** `weft policy effective`. Resolves to the exit code. */
export function runPolicyEffective(argv: readonly string[]): Promise<number> {
  return runMeshCommand(POLICY_EFFECTIVE_COMMAND, argv, async ({ values, positionals, mesh }) => {
    const [word = ''] = positionals
    const [pod = '', within] = word.split('/', 2).toReversed()
    if (within !== undefined && values.namespace !== undefined && within !== values.namespace)
      throw new WeftError('cli.flags', `is another namespace than that of ${word}`, { field: '--namespace' })
    for (const [field, name] of [
      ['POD', pod],
      ['POD', within],
      ['--namespace', values.namespace],
    ] as const)
      if (name !== undefined && !NAME.test(name))
        throw new WeftError('cli.flags', `"${name}" is no name of an object`, { field })
    const api = await mesh()
    const namespace = within ?? values.namespace ?? api.namespace
    const view = await meshPolicies(api).workload(namespace, pod)
    if (!view)
      throw new WeftError(
        'policy.no_pod',
        `there is no pod ${namespace}/${pod} with a sidecar; nobody decides for others`,
      )
    return { text: effectiveText(view), json: view, code: 0 }
  })
}

/** All that holds for a pod, for a person. Ports with the same are told once. */
export function effectiveText(view: WorkloadAuthorizationView): string {
  const groups = Map.groupBy(view.ports, (port) => JSON.stringify({ ...port, port: null }))
  const lines = [
    `${view.namespace}/${view.pod}  ${view.identity}`,
    ...[...groups.values()].flatMap((ports) => ['', ...portLines(ports)]),
    '',
    'not covered by any policy:',
    ...view.notCovered.map(({ what, why }) => `  ${what}: ${why}`),
  ]
  return lines.map((line) => `${line}\n`).join('')
}

function portLines(ports: readonly PortAuthorizationView[]): string[] {
  const [first] = ports
  if (!first) return []
  const { protocol, mtls, http, tcp, sources, decision } = first
  const numbers = ports.map(({ port }) => (port === null ? 'all other ports' : `port ${port}`))
  const same = JSON.stringify(http) === JSON.stringify(tcp)
  const without = sources.filter(
    (source) => !namedBy([...http, ...tcp], `${source.namespace}/${source.name}`),
  )
  const rules = [
    ...(same || protocol !== 'auto' ? [] : ['  requests:']),
    ...stageLines(first, carriesHttp(protocol) ? http : tcp),
    ...(same || protocol !== 'auto' ? [] : ['  connections without HTTP:', ...stageLines(first, tcp)]),
  ]
  return [
    `${numbers.join(', ')} (${protocol === 'auto' ? 'what its first bytes say' : protocol}):`,
    `  mutual TLS ${mtls.value}${from(mtls.from)}`,
    ...rules,
    ...without.map(
      (source) =>
        `  ${source.action} ${source.namespace}/${source.name} (${levelText(source)}): ${source.action === 'ALLOW' ? 'lets nothing in' : 'matches nothing here'}`,
    ),
    `  what no policy of ALLOW covers: ${decision.value}${from(decision.from)}`,
  ]
}

function stageLines(port: PortAuthorizationView, stages: readonly Stage[]): string[] {
  return stages.flatMap(({ action, enforced = [], shadow = [] }) => {
    const both = new Map<string, Rule>([...shadow, ...enforced].map((rule) => [rule.name, rule]))
    return [...both.values()].map((rule) => {
      const source = sourceOf(port, rule.name)
      const place = source ? ` (${levelText(source)})` : ''
      const permissions = matcherText({ kind: 'or', of: rule.permissions })
      const principals = matcherText({ kind: 'or', of: rule.principals })
      const asked = [principals, permissions].filter((text) => text !== 'anything')
      return `  ${action.padEnd(5)} ${rule.name}${place}: ${asked.length === 0 ? 'everything' : asked.join('; ')}`
    })
  })
}

function namedBy(stages: readonly Stage[], policy: string): boolean {
  return stages.some(({ enforced = [], shadow = [] }) =>
    [...enforced, ...shadow].some(({ name }) => name.slice(0, name.lastIndexOf('/')) === policy),
  )
}

function from(text: string): string {
  return text === '' ? ' (nobody said otherwise)' : ` (${text})`
}
