import { stringify } from 'yaml'
import { METRICS_PORT } from '../../../core/contract.ts'
import type { NetworkSuggestion } from './network-policies.ts'

/** Quoted as kubectl reads it: to YAML 1.1 a plain `off` is false. */
const STYLE = { lineWidth: 0, singleQuote: true, aliasDuplicateObjects: false, version: '1.1' } as const

const HEAD = [
  'Written by `weft policy networkpolicy`: who may call whom by the policies of the mesh, for the network below it.',
  'It lets in what the mesh may let in from the pods that are there now, and UDP and SCTP, on which the mesh does not decide.',
  `The sidecar's metrics, port ${METRICS_PORT}, stay closed to other pods: add who scrapes them.`,
]

/** YAML that can be applied as it is, with what is to be said of it as comments. */
export function networkPoliciesText(suggestions: readonly NetworkSuggestion[]): string {
  let said: string[] = [...HEAD]
  const parts: string[] = []
  for (const { namespace, workload, policy, notes } of suggestions) {
    said.push(
      '',
      `${namespace}/${workload}${policy ? '' : ': no policy is written for it'}`,
      ...notes.map((note) => `  - ${note}`),
    )
    if (!policy) continue
    parts.push(commented(said) + stringify(policy, STYLE))
    said = []
  }
  return parts.join('---\n') + (said.length > 0 ? (parts.length > 0 ? '---\n' : '') + commented(said) : '')
}

/** Names come from others: none may end a comment. */
function commented(lines: readonly string[]): string {
  return lines
    .map((line) => `# ${line.replaceAll(/[\r\n\u0085\u2028\u2029]+/g, ' ')}`.trimEnd() + '\n')
    .join('')
}
