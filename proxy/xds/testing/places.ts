import type { AnyValue } from '../../../core/xds/any.ts'
import { isMessageType } from '../../../core/xds/codec.ts'
import { Any } from '../../../core/xds/generated/envoy.js'
import { rulesOf, type Rule, type Rules } from '../../../core/xds/rules.ts'
import type { Source } from '../../../core/xds/served/table.ts'

export type Path = readonly (string | number)[]
type Values = Record<string, unknown>

/** Where a message stands in a tree of messages, with all its fields. */
export interface MessagePlace {
  readonly rules: Rules
  /** Steps from the root in the tree of objects. */
  readonly path: Path
  /** As problems have it, e.g. `filter_chains[0].name`. */
  readonly text: string
}

/** Where a field that the table knows stands. */
export interface FieldPlace extends MessagePlace {
  readonly rule: Rule
}

/** Every message in a tree whose Anys are unpacked, itself first, and every field in the table that is set there. */
export function placesIn(
  message: object,
  rules: Rules,
  source: Source,
): { readonly messages: readonly MessagePlace[]; readonly fields: readonly FieldPlace[] } {
  const messages: MessagePlace[] = []
  const fields: FieldPlace[] = []
  const visit = (value: object, rules: Rules, path: Path, text: string): void => {
    messages.push({ rules, path, text })
    for (const [key, inner] of Object.entries(value)) {
      const rule = rules.byKey.get(key)
      if (!rule || inner === undefined) continue
      const at = text === '' ? rule.field.name : `${text}.${rule.field.name}`
      fields.push({ rules, rule, path: [...path, key], text: at })
      if (rule.field.repeated)
        (inner as readonly unknown[]).forEach((one, i) => into(one, rule, [...path, key, i], `${at}[${i}]`))
      else if (rule.field.map)
        for (const [name, one] of Object.entries(inner as Values))
          into(one, rule, [...path, key, name], `${at}[${name}]`)
      else into(inner, rule, [...path, key], at)
    }
  }
  const into = (value: unknown, rule: Rule, path: Path, text: string): void => {
    if (rule.field.type === Any) {
      const { unpacked } = value as AnyValue
      if (unpacked)
        visit(unpacked.message, rulesOf(unpacked.type, source), [...path, 'unpacked', 'message'], text)
    } else if (isMessageType(rule.field.type)) visit(value as object, rule.inner(), path, text)
  }
  visit(message, rules, [], '')
  return { messages, fields }
}

/** Every rule that a message of these rules can lead to, with its name. */
export function rulesBehind(root: Rules, source: Source): ReadonlyMap<Rule, string> {
  const found = new Map<Rule, string>()
  const seen = new Set<Rules>()
  const visit = (rules: Rules): void => {
    if (seen.has(rules)) return
    seen.add(rules)
    for (const rule of rules.byKey.values()) {
      found.set(rule, `${rules.type.typeName}.${rule.field.name}`)
      for (const type of rule.types.values()) visit(rulesOf(type, source))
      if (rule.field.type !== Any && isMessageType(rule.field.type)) visit(rule.inner())
    }
  }
  visit(root)
  return found
}

/** A copy of a tree in which what stands at `path` became what `change` makes of it; undefined: it is gone. */
export function changedAt<T extends object>(tree: T, path: Path, change: (value: unknown) => unknown): T {
  const [step, ...rest] = path
  if (step === undefined) return change(tree) as T
  const inner = (tree as Values)[step]
  const made = rest.length === 0 ? change(inner) : changedAt(inner as object, rest, change)
  if (Array.isArray(tree)) return tree.map((one: unknown, i) => (i === step ? made : one)) as unknown as T
  return { ...tree, [step]: made }
}
