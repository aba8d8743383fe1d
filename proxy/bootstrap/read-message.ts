import { isMap, isScalar, isSeq, type Node, type Pair } from 'yaml'
import type { AnyValue } from '../../core/xds/any.ts'
import { isMessageType, type MessageType } from '../../core/xds/codec.ts'
import { Any } from '../../core/xds/generated/envoy.js'
import { rulesOf, type Rule, type Rules } from '../../core/xds/rules.ts'
import { typeNameOf, typeUrl } from '../../core/xds/type-urls.ts'
import type { SourceTree } from './document.ts'
import { keyText, NodeBudget } from './node-budget.ts'
import type { Problems } from './problems.ts'
import { readScalar } from './read-scalar.ts'
import { readJson } from './read-struct.ts'
import { closestName } from '../../core/closest-name.ts'

type Values = Record<string, unknown>

/**
 * Reads a tree as a message by protobuf's JSON mapping, with fields by either of their names. Whatever is not served
 * (core/xds/served) becomes a problem; what comes back then is incomplete and must not be used. What stands in an Any
 * is unpacked, as check.ts leaves it.
 */
export function readMessage<T>(tree: SourceTree, type: MessageType<T>, problems: Problems): T {
  return new MessageReader(tree, problems).message(tree.root, rulesOf(type, 'bootstrap'), '', 0) as T
}

class MessageReader {
  readonly tree: SourceTree
  readonly problems: Problems
  readonly budget: NodeBudget

  constructor(tree: SourceTree, problems: Problems) {
    this.tree = tree
    this.problems = problems
    this.budget = new NodeBudget(problems)
  }

  message(node: unknown, rules: Rules, path: string, depth: number, packed = false): Values {
    const values: Values = {}
    const at = this.tree.resolve(node)
    if (!this.budget.take(path, depth)) return values
    if (!isMap(at)) {
      this.problems.add(path, 'must be a mapping of fields')
      return values
    }
    const { type } = rules
    const seen = new Set<string>()
    for (const pair of at.items) {
      const offset = offsetOf(pair.key)
      const name = keyText(pair.key)
      if (name === undefined) {
        this.problems.add(path, 'has a key that is no text', offset)
        continue
      }
      // Read by #any; in no other place is it a field.
      if (name === '@type' && packed) continue
      const field = type.fields.byName.get(name)
      if (!field) {
        this.problems.add(join(path, name), unknownField(name, rules), offset)
        continue
      }
      const inner = join(path, field.name)
      const rule = rules.byKey.get(field.key)
      if (!rule) {
        this.problems.add(inner, 'is not supported: remove it', offset)
        continue
      }
      if (seen.has(field.name)) this.problems.add(inner, 'is given twice: keep one', offset)
      seen.add(field.name)
      const other = field.siblings.find((key) => values[key] !== undefined)
      if (other !== undefined)
        this.problems.add(inner, `excludes ${protoName(type, other)}: keep one`, offset)
      if (!this.#field(values, rule, pair, inner, depth)) seen.delete(field.name)
    }
    for (const { field } of rules.required)
      if (!seen.has(field.name) || isEmpty(values[field.key]))
        this.problems.add(join(path, field.name), 'is required')
    return values
  }

  /** False if it is null. */
  #field(values: Values, rule: Rule, pair: Pair, path: string, depth: number): boolean {
    const { field } = rule
    this.problems.place(path, offsetOf(pair.key))
    const node = this.tree.resolve(pair.value)
    // As in protobuf's JSON mapping: null is as good as absent.
    if (node === undefined || (isScalar(node) && node.value === null)) return false
    values[field.key] = field.map
      ? this.#map(node, rule, path, depth)
      : field.repeated
        ? this.#list(node, rule, path, depth)
        : this.#value(node, rule, path, depth)
    return true
  }

  #list(node: Node, rule: Rule, path: string, depth: number): unknown[] | undefined {
    if (!isSeq(node)) {
      this.problems.add(path, 'must be a list')
      return undefined
    }
    return node.items.map((item, i) => {
      const inner = `${path}[${i}]`
      this.problems.place(inner, offsetOf(item))
      return this.#value(item, rule, inner, depth + 1)
    })
  }

  #map(node: Node, rule: Rule, path: string, depth: number): Values | undefined {
    if (!isMap(node)) {
      this.problems.add(path, 'must be a mapping')
      return undefined
    }
    const map: Values = {}
    const { keys } = rule.row
    for (const { key, value } of node.items) {
      const name = keyText(key)
      if (name === undefined) {
        this.problems.add(path, 'has a key that is no text', offsetOf(key))
      } else if (Object.hasOwn(map, name)) {
        this.problems.add(path, `has the key ${name} twice: keep one`, offsetOf(key))
      } else if (keys && !Object.hasOwn(keys, name)) {
        const text = `has the key ${name}: only ${Object.keys(keys).join(', ')} is supported`
        this.problems.add(path, text, offsetOf(key))
      } else {
        const inner = `${path}[${name}]`
        this.problems.place(inner, offsetOf(key))
        const read = this.#value(value, rule, inner, depth + 1)
        this.#struct(read, keys?.[name], inner)
        // Not an assignment: a key `__proto__` would change the object's prototype.
        Object.defineProperty(map, name, {
          value: read,
          enumerable: true,
          writable: true,
          configurable: true,
        })
      }
    }
    return map
  }

  /** A google.protobuf.Struct in a map, of which the table knows every key. */
  #struct(read: unknown, keys: readonly string[] | 'any' | undefined, path: string): void {
    if (typeof keys !== 'object' || typeof read !== 'object' || read === null) return
    for (const key of Object.keys(read))
      if (!keys.includes(key))
        this.problems.add(path, `has the key ${key}: only ${keys.join(', ')} is supported`)
  }

  #value(node: unknown, rule: Rule, path: string, depth: number): unknown {
    const { type } = rule.field
    if (type === Any) return this.#any(node, rule, path, depth + 1)
    if (isMessageType(type)) return this.message(node, rule.inner(), path, depth + 1)
    if (type === 'struct' || type === 'value' || type === 'list') return this.#json(node, type, path, depth)
    const at = this.tree.resolve(node)
    if (!this.budget.take(path, depth)) return undefined
    const read = readScalar(isScalar(at) ? at.value : undefined, type)
    if (!read.ok) {
      this.problems.add(path, `must be ${read.must}`)
      return undefined
    }
    if (rule.values && !rule.values.includes(String(read.value)))
      this.problems.add(path, `${String(read.value)} is not supported: use ${rule.values.join(' or ')}`)
    return read.value
  }

  #json(node: unknown, type: 'struct' | 'value' | 'list', path: string, depth: number): unknown {
    const at = this.tree.resolve(node)
    if (type === 'struct' && !isMap(at)) this.problems.add(path, 'must be a mapping')
    else if (type === 'list' && !isSeq(at)) this.problems.add(path, 'must be a list')
    else return readJson(this, at, path, depth)
    return undefined
  }

  /** `{"@type": url, ...fields}` */
  #any(node: unknown, rule: Rule, path: string, depth: number): AnyValue {
    const at = this.tree.resolve(node)
    const known = [...rule.types.values()].map((type) => typeUrl(type)).join(' or ')
    if (!isMap(at)) {
      this.problems.add(path, `must be a mapping with @type ${known}`)
      return {}
    }
    const [pair, second] = at.items.filter(({ key }) => keyText(key) === '@type')
    if (second) this.problems.add(join(path, '@type'), 'is given twice: keep one', offsetOf(second.key))
    const urlNode = this.tree.resolve(pair?.value)
    const url = isScalar(urlNode) ? urlNode.value : undefined
    const type = typeof url === 'string' ? rule.types.get(typeNameOf(url)) : undefined
    if (!pair || !type || url !== typeUrl(type)) {
      const offset = pair ? offsetOf(pair.key) : undefined
      this.problems.add(join(path, '@type'), pair ? `must be ${known}` : `is required: ${known}`, offset)
      return {}
    }
    const message = this.message(at, rulesOf(type, 'bootstrap'), path, depth, true)
    return { typeUrl: url, unpacked: { type, message } }
  }
}

function offsetOf(node: unknown): number {
  const range = typeof node === 'object' && node !== null && 'range' in node ? node.range : undefined
  return Array.isArray(range) && typeof range[0] === 'number' ? range[0] : 0
}

function join(path: string, name: string): string {
  return path === '' ? name : `${path}.${name}`
}

function isEmpty(value: unknown): boolean {
  return value === '' || (Array.isArray(value) && value.length === 0)
}

function protoName(type: MessageType<unknown>, key: string): string {
  return type.fields.byName.get(key)?.name ?? key
}

function unknownField(name: string, { type, byKey }: Rules): string {
  const supported = [...byKey.values()].map(({ field }) => field.name)
  const near = closestName(name, supported)
  const hint = near === undefined ? 'remove it' : `did you mean ${near}?`
  return `is no field of ${type.typeName}: ${hint}`
}
