import type { Leaf } from '../../core/authorization/leaf.ts'
import type { Matcher, Rule, RuleSet, TextMatch } from '../../core/authorization/rules.ts'
import { ANY_REST, ANY_SEGMENT, coversPath } from '../../core/observed-calls.ts'

type PathLeaf = Extract<Leaf, { kind: 'path' | 'path-template' }>

const ANYTHING: Matcher = { kind: 'any' }
const NOTHING: Matcher = { kind: 'not', of: ANYTHING }

/**
 * Rules as they stand for all calls of a kind: what they say of a path is put in where that is the same for all paths of its
 * template. Where it is not, the leaf stays, and depends on the path. `own` are the addresses of the pod that is called: nothing
 * is observed of a pod that reaches itself, so that no call came from there.
 */
export function rulesForCalls(rules: RuleSet, template: string, own: readonly string[]): RuleSet {
  const templated = template.includes('{')
  const replaced = (matcher: Matcher): Matcher => {
    if (matcher.kind === 'and' || matcher.kind === 'or') return { ...matcher, of: matcher.of.map(replaced) }
    if (matcher.kind === 'not') return { ...matcher, of: replaced(matcher.of) }
    if (matcher.kind === 'source-ip')
      return isOne(matcher) && own.includes(matcher.prefix) ? NOTHING : matcher
    if (!templated || (matcher.kind !== 'path' && matcher.kind !== 'path-template')) return matcher
    const all = outlook(matcher, template)
    return all === undefined ? matcher : all ? ANYTHING : NOTHING
  }
  const ruleFor = (rule: Rule): Rule => ({
    ...rule,
    permissions: rule.permissions.map(replaced),
    principals: rule.principals.map(replaced),
  })
  return rules.map((stage) => ({
    ...stage,
    enforced: stage.enforced?.map(ruleFor),
    shadow: stage.shadow?.map(ruleFor),
  }))
}

function isOne({ prefix, bits }: Extract<Leaf, { kind: 'source-ip' }>): boolean {
  return bits === (prefix.includes(':') ? 128 : 32)
}

/** Whether a leaf matches every path of a template (true) or none (false); undefined: some, or that is not known. */
export function outlook(leaf: PathLeaf, template: string): boolean | undefined {
  if (leaf.kind === 'path-template') {
    const wanted = leaf.template
      .replaceAll(/(^|\/)\*(?=\/|$)/g, `$1${ANY_SEGMENT}`)
      .replaceAll(/(^|\/)\*\*(?=\/|$)/g, `$1${ANY_REST}`)
    if (coversPath(wanted, template)) return true
    return mayMeet(wanted.split('/'), template.split('/')) ? undefined : false
  }
  const { match } = leaf
  if (match.ignoreCase) return undefined
  return textOutlook(match, template)
}

function textOutlook({ type, value }: TextMatch, template: string): boolean | undefined {
  const before = template.slice(0, template.indexOf('{'))
  const after = template.slice(template.lastIndexOf('}') + 1)
  switch (type) {
    case 'exact':
      return mayMeet([...value.split('/')], template.split('/')) ? undefined : false
    case 'prefix':
      if (before.startsWith(value)) return true
      return value.startsWith(before) ? undefined : false
    case 'suffix':
      if (after.endsWith(value)) return true
      return value.endsWith(after) ? undefined : false
    case 'contains':
      return before.includes(value) || after.includes(value) ? true : undefined
    case 'regex':
      return undefined
  }
}

/** Whether there is a path that both stand for. */
function mayMeet(a: readonly string[], b: readonly string[]): boolean {
  const [first, ...restA] = a
  const [other, ...restB] = b
  if (first === ANY_REST || other === ANY_REST) return true
  if (first === undefined || other === undefined) return first === other
  const same =
    first === other || (first === ANY_SEGMENT && other !== '') || (other === ANY_SEGMENT && first !== '')
  return same && mayMeet(restA, restB)
}
