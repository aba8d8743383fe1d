import { stringify } from 'yaml'
import type { ObservedView } from '../../../control-plane/serve/telemetry/observed-view.ts'
import { countText, spanText } from './certainty.ts'
import type { Suggestion } from './suggest.ts'

/** Quoted as kubectl reads it: to YAML 1.1 a plain `off` is false. */
const STYLE = { lineWidth: 0, singleQuote: true, aliasDuplicateObjects: false, version: '1.1' } as const

/** By which a file is known to be one of these, and may be written anew. */
export const FIRST_LINE = '# Suggested by `weft policy suggest`'

/** YAML that can be applied as it is, with what is to be said of it as comments. */
export function suggestionsText(view: ObservedView, suggestions: readonly Suggestion[]): string {
  const from = new Date(view.since).toISOString()
  const parts: string[] = []
  let said = [
    `${FIRST_LINE} from what sidecars saw between ${from} and ${new Date(view.now).toISOString()}.`,
    '# It allows what was served then and nothing else: read it before you apply it.',
  ]
  for (const suggestion of suggestions) {
    said.push(...comments(suggestion))
    for (const policy of suggestion.policies) {
      parts.push(`${said.join('\n')}${said.length > 0 ? '\n' : ''}${stringify(policy, STYLE)}`)
      said = []
    }
  }
  return parts.join('---\n') + said.map((line) => `${line}\n`).join('')
}

function comments({
  workload,
  services,
  certainty,
  policies,
  problem,
  calls,
}: Suggestion): readonly string[] {
  const of = services.length > 0 ? ` (Service ${services.join(', ')})` : ''
  const { level, unseen, watchedMs, reasons } = certainty
  const kinds =
    unseen === null
      ? 'nothing to allow was seen'
      : `${countText(certainty.calls, 'call')} of ${countText(calls.length, 'kind')} in ${spanText(watchedMs)}, and the next is of a kind not seen with a chance of about ${percent(unseen)}`
  const lines = [
    `${workload}${of}: how sure: ${level}. ${kinds}.`,
    ...(policies.length === 0 ? ['  no policy is written for it'] : []),
    ...(problem === undefined ? [] : [`  - ${problem}`]),
    ...reasons.map(({ message }) => `  - ${message}`),
  ]
  return ['#', ...lines.map((line) => `# ${oneLine(line)}`)]
}

function percent(share: number): string {
  if (share === 0) return '0 %'
  return share < 0.0001 ? 'less than 0.01 %' : `${Number((100 * share).toPrecision(2))} %`
}

/** Names and paths come from others: none may end the comment. */
function oneLine(text: string): string {
  return text.replaceAll(/[\r\n\u0085\u2028\u2029]+/g, ' ')
}

/** The object that --json prints. Times are milliseconds since the epoch. */
export function suggestionsJson(view: ObservedView, suggestions: readonly Suggestion[]): object {
  return {
    since: view.since,
    now: view.now,
    policies: suggestions.flatMap(({ policies }) => policies),
    workloads: suggestions.map(({ policies, calls, problem, ...rest }) => ({
      ...rest,
      policies: policies.map(({ metadata }) => metadata.name),
      problem: problem ?? null,
      kinds: calls.length,
    })),
    withoutSidecar: view.withoutSidecar,
    evicted: view.evicted,
  }
}
