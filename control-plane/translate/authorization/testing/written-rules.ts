import type { Matcher, Rule, RuleSet, TextMatch } from '../../../../core/authorization/rules.ts'

/** Rules as short text, for those who compare them: `DENY`, or `DENY dry`, with a line a rule. */
export function written(rules: RuleSet): Readonly<Record<string, readonly string[]>> {
  return Object.fromEntries(
    rules.flatMap(({ action, enforced, shadow }): [string, readonly string[]][] => [
      ...(enforced ? [[action, enforced.map(line)] as [string, readonly string[]]] : []),
      ...(shadow ? [[`${action} dry`, shadow.map(line)] as [string, readonly string[]]] : []),
    ]),
  )
}

function line({ name, permissions, principals }: Rule): string {
  return `${name}: ${list(permissions, ' or ')} from ${list(principals, ' or ')}`
}

function list(matchers: readonly Matcher[], between: string): string {
  const texts = matchers.map(matcherText)
  return texts.length === 1 ? texts.join('') : `(${texts.join(between)})`
}

export function matcherText(matcher: Matcher): string {
  switch (matcher.kind) {
    case 'any':
      return 'any'
    case 'and':
    case 'or':
      return list(matcher.of, ` ${matcher.kind} `)
    case 'not':
      return `not ${matcherText(matcher.of)}`
    case 'source-ip':
    case 'destination-ip':
      return `${matcher.kind} ${matcher.prefix}/${matcher.bits}`
    case 'port':
      return `port ${matcher.start}..${matcher.end - 1}`
    case 'path-template':
      return `path like ${matcher.template}`
    case 'header':
      return `header ${matcher.name} ${text(matcher.match)}`
    case 'claim':
      return `claim ${matcher.path.join('.')}${matcher.inList ? '[]' : ''} ${text(matcher.match)}`
    case 'identity':
    case 'sni':
    case 'method':
    case 'host':
    case 'path':
      return `${matcher.kind} ${text(matcher.match)}`
  }
}

function text(match: TextMatch | undefined): string {
  if (!match) return 'present'
  return `${match.type}${match.ignoreCase ? ' (any case)' : ''} ${JSON.stringify(match.value)}`
}
