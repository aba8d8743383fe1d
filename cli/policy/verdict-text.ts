import type { ExplainedRule } from '../../core/authorization/nearest.ts'
import type { RuleSource } from '../../control-plane/model/authorization.ts'
import type { PodVerdict } from './decide.ts'

/** A verdict for a person, with its line ends: what, by which rule, and what would have to change. */
export function verdictText(verdict: PodVerdict): string {
  const { pod, port, notes, by, explanation, dryRun, audited } = verdict
  const lines = [
    `${verdict.verdict === 'unknown' ? 'it depends' : verdict.verdict} at ${pod}, port ${port}`,
    ...notes,
    ...(explanation && by !== 'mTLS' && by !== 'path' ? ruledText(verdict, explanation) : []),
    ...(dryRun ? dryRunText(verdict, dryRun) : []),
    ...(audited.length > 0 ? [`logged by ${audited.map((name) => ruleName(verdict, name)).join(', ')}`] : []),
  ]
  return lines.map((line, at) => `${at === 0 ? '' : '  '}${line}\n`).join('')
}

function ruledText(verdict: PodVerdict, explanation: NonNullable<PodVerdict['explanation']>): string[] {
  const { denies, allows, nearest, dependsOn } = explanation
  if (dependsOn.length > 0) return dependsOn.map((line) => `  ${line}`)
  const lines = denies.flatMap((rule) => [
    `DENY ${ruleName(verdict, rule.rule)} ${rule.unknown.length > 0 ? 'may match' : 'matches'}; it would not, if one of these were otherwise:`,
    ...conditions([...rule.met, ...rule.unknown], 'it matches everything'),
  ])
  if (allows) {
    const also = denies.length > 0 ? 'without that it would be allowed' : 'allowed'
    return [
      ...lines,
      `${also} by ${ruleName(verdict, allows.rule)}:`,
      ...conditions(allows.met, 'it matches everything'),
    ]
  }
  if (explanation.verdict === 'allowed')
    return [...lines, `no policy of ALLOW covers it: ${decisionText(verdict)}`]
  if (nearest) return [...lines, ...nearestText(verdict, nearest)]
  if (denies.length > 0 && verdict.by === 'DENY') return lines
  return [...lines, nothingAllows(verdict)]
}

function nearestText(verdict: PodVerdict, { rule, unmet, unknown }: ExplainedRule): string[] {
  const name = ruleName(verdict, rule)
  if (unmet.length === 0)
    return [`${name} may let it in, which depends on:`, ...conditions(unknown, 'nothing')]
  return [
    `no rule lets it in; ${name} comes nearest; ${unmet.length === 1 ? 'this' : 'these'} would have to change:`,
    ...conditions([...unmet, ...unknown], 'nothing'),
  ]
}

function nothingAllows({ covering, decision }: PodVerdict): string {
  if (covering.length > 0)
    return `no rule lets it in: ${covering.join(', ')} ${covering.length === 1 ? 'covers' : 'cover'} the port, and no rule there can match`
  return `no rule lets it in: ${said(decision)}`
}

function decisionText({ decision }: PodVerdict): string {
  return said(decision)
}

function said(decision: PodVerdict['decision']): string {
  const { value = 'Allow', from = '' } = decision ?? {}
  return `the default decision is ${value}${from === '' ? ', as nobody said otherwise' : ` (${from})`}`
}

function dryRunText(verdict: PodVerdict, dryRun: NonNullable<PodVerdict['dryRun']>): string[] {
  const will = dryRun.verdict === 'unknown' ? 'it would depend' : `it would be ${dryRun.verdict}`
  if (dryRun.verdict === verdict.explanation?.verdict) return [`once dry runs are over: the same`]
  const rules = [
    ...dryRun.denies,
    ...(dryRun.verdict === 'refused' && dryRun.nearest ? [dryRun.nearest] : []),
  ]
  return [
    `once dry runs are over ${will}:`,
    ...rules.flatMap((rule) => [
      `  ${ruleName(verdict, rule.rule)}`,
      ...[...(rule.unmet.length > 0 ? rule.unmet : rule.met), ...rule.unknown].map((line) => `    ${line}`),
    ]),
    ...(dryRun.verdict === 'allowed' && dryRun.allows ? [`  ${ruleName(verdict, dryRun.allows.rule)}`] : []),
  ]
}

function conditions(sentences: readonly string[], none: string): string[] {
  return (sentences.length === 0 ? [none] : sentences).map((line) => `  ${line}`)
}

/** `payments/pay/0 (for Service pay)`. */
function ruleName({ sources }: PodVerdict, rule: string): string {
  const source = sources[rule]
  return source ? `${rule} (${levelText(source)})` : rule
}

/** For which pods or requests a policy was written. */
export function levelText({ level, target, dryRun, unreadable }: RuleSource): string {
  const place = target === '' ? `level ${level}` : `${level} ${target}`
  return [
    place,
    ...(dryRun ? ['dry run'] : []),
    ...(unreadable ? ['cannot be read, refuses everything'] : []),
  ].join(', ')
}
